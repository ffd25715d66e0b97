"""A stack: K models that are trained as one stacked module, with their optimiser and their step counter.

The progress of a member is the step, its slice of the parameters, of the persistent buffers and of the optimiser's
state, and the losses recorded so far. It is restored bit for bit in any other stack, and goes on as it
would have, bit for bit alone or in a stack of the same size, else up to rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.models.base import ModelError
from bench.models.parts.draws import Draws
from bench.models.parts.stacked import Stacked, Updates, member, set_member
from bench.study.run import LOSSES
from bench.training.adam import Adam
from bench.training.batches import Batches

Arrays = dict[str, NDArray[np.float32]]


def set_precision(precision: str) -> None:
    """Set whether a GPU rounds the factors of float32 products and convolutions to tf32, in this whole process.

    The framework's default rounds them in convolutions.
    """
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


@dataclass(frozen=True)
class Progress:
    """The state that a member resumes from.

    Attributes:
        step: updates done.
        arrays: weights/NAME, Adam's moments m/NAME and v/NAME, persistent buffers kept/NAME, and "losses", a row per
            record with the step first.
    """

    step: int
    arrays: Arrays


class Stack:
    """K models on one device; an update uses tensors of the device alone, so it can be part of a CUDA graph.

    Args:
        model: the stacked models, on the device that trains them.
        batches: the input of each step.
        learning_rate: Adam's, for every member.
        precision: "float32", "tf32" (see `set_precision`), or "bfloat16" for the networks' inner layers.
        compiled: fuse the hundreds of small operations that draw the input of an update, and what a model draws for
            itself, with the framework's compiler; the images must be on the device.

    Attributes:
        clock: updates done, an int32 tensor (1,).
        columns: names of the recorded losses, without the step.
        first_bad: the first step at which a loss of a member was not finite, else -1: int32 (K,).
    """

    def __init__(
        self,
        model: Stacked,
        batches: Batches,
        learning_rate: float,
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        self.model, self.batches = model, batches
        self.columns = _columns(model)
        self.reduced = precision == "bfloat16"
        self.device = next(model.parameters()).device
        self.read = torch.compile(batches.read, fullgraph=True, dynamic=False) if compiled else batches.read
        for draws in (module for module in model.modules() if compiled and isinstance(module, Draws)):
            draws.compile(fullgraph=True, dynamic=False)
        self.players = model.players()
        self.weights = {n: p for weights in self.players.values() for n, p in weights.items()}
        decays, limits = model.decays(), model.limits()
        updates = {player: model.updates.get(player, Updates()) for player in self.players}
        groups = [
            {
                "params": list(weights.values()),
                "decays": [decays.get(n) for n in weights],
                "limits": [limits.get(n) for n in weights],
                "lr": updates[player].rate * learning_rate,
                "betas": updates[player].betas,
                "every": updates[player].every,
            }
            for player, weights in self.players.items()
        ]
        self.adam = Adam(groups, learning_rate)
        self.clock = torch.zeros(1, dtype=torch.int32, device=self.device)
        self.first_bad = torch.full((model.fleet,), -1, dtype=torch.int32, device=self.device)
        self.record: list[Tensor] = []

    def update(self, *, curves: bool = False) -> None:
        """One step of every member. Losses are summed over members, so each member gets exactly its gradient.

        Args:
            curves: record the losses, and compute those that are only recorded.
        """
        inputs = self.read(self.clock)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced, cache_enabled=False):
            losses = self.model.losses(**inputs, step=self.clock, curves=curves)
        for player, weights in self.players.items():
            several = len(self.players) > 1
            gradients = torch.autograd.grad(losses[player].sum(), list(weights.values()), retain_graph=several)
            for p, gradient in zip(weights.values(), gradients, strict=True):
                p.grad = torch.empty_like(p).copy_(gradient) if gradient.stride() != p.stride() else gradient
        self.adam.update(self.clock)
        self.clock += 1
        for player in self.players:
            finite = losses[player].detach() * 0 == 0  # one launch less than `isfinite`, twice
            torch.where(finite | (self.first_bad >= 0), self.first_bad, self.clock, out=self.first_bad)
        if curves:
            self.record.append(_row(self.clock, self.columns, losses))

    def losses(self) -> NDArray[np.float32]:
        """The recorded losses: (records, K, 1 + number of losses), the step first."""
        if not self.record:
            return np.empty((0, self.model.fleet, 1 + len(self.columns)), np.float32)
        return torch.stack(self.record).cpu().numpy()

    def progress(self, k: int) -> Progress:
        """The state that member k resumes from."""
        arrays = {f"{part}/{n}": a for part, stacked in self._parts().items() for n, a in member(stacked, k).items()}
        return Progress(int(self.clock), arrays | {"losses": self.losses()[:, k]})

    def resume(self, members: Sequence[Progress]) -> None:
        """Continue from the members' progress, all at the same step.

        Raises:
            ModelError: the arrays are those of another architecture, or the losses have other columns.
        """
        (step,) = {m.step for m in members}
        self.clock.fill_(step)
        for k, saved in enumerate(members):
            for part, stacked in self._parts().items():
                set_member(stacked, k, _part(saved.arrays, part))
        losses = [m.arrays.get("losses", np.empty(0)) for m in members]
        for columns in (array.shape[1] - 1 if array.ndim == 2 else 0 for array in losses):
            if columns != len(self.columns):
                raise ModelError(
                    f"the checkpoint has {columns} kinds of losses, the model {len(self.columns)}: "
                    "raise the version of a model when its losses change"
                )
        rows = np.stack(losses, axis=1)
        self.record = list(torch.from_numpy(rows).to(self.device))

    def _parts(self) -> dict[str, dict[str, Tensor]]:
        """The state that an update changes: weights, both moments of Adam, persistent buffers; each (K, ...)."""
        moments = {part: {n: self.adam.state[p][part] for n, p in self.weights.items()} for part in ("m", "v")}
        return {"weights": self.weights} | moments | {"kept": self.model.saved_buffers()}


def _columns(model: Stacked) -> tuple[str, ...]:
    """Names of the losses that are recorded for a model.

    Raises:
        ModelError: a name in `recorded` is no identifier, or occurs twice.
    """
    columns = (*LOSSES, *model.recorded)
    for name in model.recorded:
        if not name.isidentifier() or columns.count(name) > 1 or name == "step":
            raise ModelError(f"{type(model).__name__}: recorded has {name!r}; give letters and digits, each name once")
    return columns


def _row(clock: Tensor, columns: Sequence[str], losses: Mapping[str, Tensor]) -> Tensor:
    """Step and losses of each member, (K, 1 + number of losses); NaN for a loss that the model lacks."""
    missing = torch.full_like(losses["loss"], torch.nan)
    values = [losses[n].detach() if n in losses else missing for n in columns]
    return torch.stack([clock.float().expand_as(missing), *values], dim=1)


def _part(arrays: Mapping[str, NDArray[np.float32]], part: str) -> Arrays:
    return {n.removeprefix(f"{part}/"): a for n, a in arrays.items() if n.startswith(f"{part}/")}
