"""The networks of Locatello et al. 2019 as their code has them: two convolutions are 2x2, the paper prints 4x4."""

from bench.networks.base import network
from bench.networks.parts.mirrored import Mirrored


@network(version=1)
class Locatello2019(Mirrored):
    """The study's encoder and decoder, for 64x64 images."""

    convolutions = ((32, 4), (32, 4), (64, 2), (64, 2))
    hidden = 256
    deconvolutions = (64, 64, 32, 32)
    discriminator = 1000
