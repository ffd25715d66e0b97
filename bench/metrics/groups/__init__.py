"""Scores of a group of runs that differ in their seed alone; of one run by itself they say nothing."""
