"""What models are made of: networks, convolutions, loss terms, and the classes that models derive from."""
