"""Random numbers that an objective draws for itself, beside the noise of its codes."""

import torch
from torch import Tensor, nn

from bench import counter


class Draws(nn.Module):
    """Random 32-bit words for K models, a function of (seed, step) for each, so that no model's depend on another.

    Args:
        seeds: K seeds.
        name: of what is drawn; other names give other words.
    """

    a: Tensor
    b: Tensor

    def __init__(self, seeds: tuple[int, ...], name: str) -> None:
        super().__init__()
        roots = [counter.root(seed, name) for seed in seeds]
        self.register_buffer("a", torch.stack([torch.from_numpy(k.a) for k in roots]), persistent=False)
        self.register_buffer("b", torch.stack([torch.from_numpy(k.b) for k in roots]), persistent=False)

    def forward(self, step: Tensor, count: int) -> Tensor:
        """Words (K, count) of a step, an int32 tensor (1,)."""
        places = counter.mix(torch.arange(count, dtype=torch.int32, device=step.device))
        words: Tensor = counter.bits(counter.fold(counter.Key(self.a, self.b), step), places)
        return words
