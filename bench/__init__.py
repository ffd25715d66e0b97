"""A large-scale benchmark of learned representations, in the manner of Locatello et al. (ICML 2019)."""

__version__ = "0.1.0"
