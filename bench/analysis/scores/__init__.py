"""What the scores of a study say: agreement, strengths, variance, transfer, selection."""
