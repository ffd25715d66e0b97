"""Analyses of codes, some against a truth that is known by construction."""
