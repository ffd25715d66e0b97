"""Networks by name, an encoder and a decoder in one file each; `bench.networks.base` defines the contract."""
