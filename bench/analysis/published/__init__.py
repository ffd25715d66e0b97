"""Ours beside the numbers that papers print."""
