"""Estimates from few seeds and how sure they are: intervals, centres, ranks, tests."""
