"""Random numbers that an objective needs beside the noise of its codes."""

import torch
from torch import Tensor, nn

from bench import random_bits


class Draws(nn.Module):
    """Random 32-bit words for K models; those of each model are a function of its seed and the step alone.

    Args:
        seeds: K seeds.
        name: purpose of the words; different names give independent words.
    """

    a: Tensor
    b: Tensor

    def __init__(self, seeds: tuple[int, ...], name: str) -> None:
        super().__init__()
        roots = [random_bits.root(seed, name) for seed in seeds]
        self.register_buffer("a", torch.stack([torch.from_numpy(k.a) for k in roots]), persistent=False)
        self.register_buffer("b", torch.stack([torch.from_numpy(k.b) for k in roots]), persistent=False)

    def forward(self, step: Tensor, count: int) -> Tensor:
        """Words (K, count) of a step, an int32 tensor (1,)."""
        places = random_bits.mix(torch.arange(count, dtype=torch.int32, device=step.device))
        words: Tensor = random_bits.bits(random_bits.fold(random_bits.Key(self.a, self.b), step), places)
        return words
