"""The results folder: where its files lie, how they are written whole, what records hold, who works on which run."""
