"""Estimates from few seeds with their uncertainty: intervals, centres, ranks, tests."""
