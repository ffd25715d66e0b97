"""Weights that decay and whose gradients are clipped, and biases that are let alone (Hsu et al. 2023)."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from bench.models.parts.stacked import Stacked


class Decayed(Stacked):
    """K models whose weights decay at the rate `decay`, and have each element of their gradients clipped to `clip`.

    Attributes:
        exempt: how names of what has neither end.
    """

    exempt: ClassVar[tuple[str, ...]] = ("bias",)

    def decays(self) -> Mapping[str, Tensor]:
        return dict.fromkeys(self._decayed(), self.hyper["decay"])

    def limits(self) -> Mapping[str, Tensor]:
        return dict.fromkeys(self._decayed(), self.hyper["clip"])

    def _decayed(self) -> list[str]:
        return [name for name in self.learned() if not name.endswith(self.exempt)]
