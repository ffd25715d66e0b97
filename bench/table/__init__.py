"""The score table: of a store, of a study, and as files that stand alone, which are checked and merged."""
