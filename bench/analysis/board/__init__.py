"""Models compared with each other: their scores and ranks, with intervals."""
