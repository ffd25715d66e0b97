"""Analyses of codes, some with a truth that is known by construction."""
