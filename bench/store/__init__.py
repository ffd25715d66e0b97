"""The results folder: paths, atomic writing, types of records, and claims on runs."""
