"""Codes, encoded once or read from files, and the scores of runs and of groups of runs."""
