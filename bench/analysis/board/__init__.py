"""Models beside each other: standings and ranks with what chance does to them."""
