"""Networks by name: one file each, an encoder and a decoder; `bench.networks.base` says what a file holds."""
