"""The score table: of a store, of a study, and as standalone files, which are checked and merged."""
