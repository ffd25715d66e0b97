"""Analyses of the scores of a study: agreement, strengths, variance, transfer, selection."""
