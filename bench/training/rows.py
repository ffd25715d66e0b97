"""Rows of a sampling, drawn by integer arithmetic: equal on every device, and the host reads no value."""

import torch
from torch import Tensor

from bench import random_bits
from bench.data.sampling.rows import PLACES, Rows


class DeviceRows:
    """Tables of a sampling on a device, shared by all models that draw from them."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        self.firsts, self.rests = (torch.from_numpy(part).to(device) for part in (rows.firsts, rows.rests))
        self.bounds = None if rows.chances is None else torch.from_numpy(rows.bounds()).to(device)

    def __call__(self, words: Tensor, more: Tensor, others: Tensor) -> Tensor:
        """Rows, int64, from three independent random words for each, int32 tensors of one shape."""
        if self.bounds is None:
            places = random_bits.below(words, len(self.firsts))
        else:
            half = PLACES // 2
            low = (1 << half) - 1
            places = torch.searchsorted(self.bounds, ((words.long() & low) << half) | (more.long() & low), right=True)
        return self.firsts[places] + self.rests[random_bits.below(others, len(self.rests))]
