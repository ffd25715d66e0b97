"""What networks are made of: layers, convolutions and the ways to compute them."""
