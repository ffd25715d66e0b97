"""Codes, encoded once or given by others, and the scores of runs and of groups of runs."""
