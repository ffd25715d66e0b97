"""Models with decoupled weight decay and clipped gradients of all weights but biases (Hsu et al. 2023)."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from bench.models.parts.stacked import Stacked


class Decayed(Stacked):
    """K models whose weights decay at the rate `decay`; each element of their gradients is clipped to `clip`.

    Attributes:
        exempt: endings of the names of parameters that have neither.
    """

    exempt: ClassVar[tuple[str, ...]] = ("bias",)

    def decays(self) -> Mapping[str, Tensor]:
        return dict.fromkeys(self._decayed(), self.hyper["decay"])

    def limits(self) -> Mapping[str, Tensor]:
        return dict.fromkeys(self._decayed(), self.hyper["clip"])

    def _decayed(self) -> list[str]:
        return [name for name in self.learned() if not name.endswith(self.exempt)]
