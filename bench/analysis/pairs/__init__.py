"""Two models, or two studies, side by side."""
