"""The results folder: where things lie, how files stand there whole, what their records are, who works on what."""
