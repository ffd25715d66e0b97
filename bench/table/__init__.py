"""The score table: read from runs' records, of a study, and alone with its card, checked and joined with others."""
