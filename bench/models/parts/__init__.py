"""Parts that models share: loss terms, pairs of images, random draws, and the classes that models derive from."""
