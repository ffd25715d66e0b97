"""Networks for short schedules on average-pooled images: a step costs a fifteenth of one at 64x64."""

from bench.networks.base import network
from bench.networks.parts.mirrored import Mirrored


@network(version=1)
class Small(Mirrored):
    """The study's layers, fewer and narrower, for 32x32 images."""

    convolutions = ((16, 4), (16, 4), (32, 2))
    hidden = 128
    deconvolutions = (32, 16, 16)
    discriminator = 128
