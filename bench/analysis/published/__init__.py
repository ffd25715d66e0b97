"""Comparison of our numbers with those that papers print."""
