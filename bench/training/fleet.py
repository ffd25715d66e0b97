"""A fleet: many runs of one model on one data set trained together as one LightningModule.

One Lightning `training_step` is a macro-step of many updates, so Lightning's own cost disappears. A member's
progress is its slice of the parameters and optimiser state, the step, and the losses recorded so far: a killed
fleet resumes bit for bit, in whatever fleet its members find themselves next.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from bench.grid import LOSSES
from bench.models.vae import GaussianVAE, member, set_member
from bench.training.adam import Adam
from bench.training.batches import Batches

BETAS = {"loss": (0.9, 0.999), "adversary": (0.5, 0.9)}
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Progress:
    """Where a member stands: updates done, its arrays (weights/, m/, v/) and its recorded losses, the step first."""

    step: int
    arrays: Arrays


class Fleet(pl.LightningModule):
    """K stacked models, their optimiser and their record.

    Args:
        model: the stacked models.
        batches: what each step reads.
        learning_rate: Adam's, for every member.
        log_every: record the losses of every such step.
    """

    def __init__(self, model: GaussianVAE, batches: Batches, learning_rate: float, log_every: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.batches, self.log_every = model, batches, log_every
        players = model.players()
        self.weights = {n: p for weights in players.values() for n, p in weights.items()}
        groups = [{"params": list(weights.values()), "betas": BETAS[name]} for name, weights in players.items()]
        self.adam = Adam(groups, learning_rate)
        self.step = 0
        self.failed = np.full(model.fleet, -1)
        self.record: list[NDArray[np.float32]] = []

    def configure_optimizers(self) -> Adam:
        return self.adam

    def training_step(self, last: int) -> None:
        """Update every member up to step `last`; mark one whose loss is not finite with the step where that began."""
        first_bad = torch.full((self.model.fleet,), -1, device=self.device)
        while self.step < last:
            recorded = (self.step + 1) % self.log_every == 0 or self.step == 0
            losses = self.update(curves=recorded)
            self.step += 1
            first_bad = torch.where((first_bad < 0) & ~losses["loss"].isfinite(), self.step, first_bad)
            if recorded:
                rows = torch.stack([losses[n] for n in LOSSES], dim=1).cpu().numpy()
                self.record.append(np.concatenate([np.full((len(rows), 1), self.step), rows], axis=1))
        self.failed = np.where(self.failed < 0, first_bad.cpu().numpy(), self.failed)
        if (self.failed >= 0).all():
            self.trainer.should_stop = True

    def update(self, *, curves: bool = False) -> dict[str, Tensor]:
        """One step of every member. Losses are summed over members, so each gets exactly its own gradient."""
        images = self.batches.images(self.step).to(self.device)
        noise = self.batches.noise(self.step).to(self.device)
        losses = self.model.losses(images, noise, self.step, curves=curves)
        players = self.model.players()
        for player, weights in players.items():
            gradients = torch.autograd.grad(losses[player].sum(), list(weights.values()), retain_graph=len(players) > 1)
            for p, gradient in zip(weights.values(), gradients, strict=True):
                p.grad = gradient
        self.adam.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def progress(self, k: int) -> Progress:
        """What member k needs to go on."""
        arrays = {f"{part}/{n}": a for part, stacked in self._parts().items() for n, a in member(stacked, k).items()}
        return Progress(self.step, arrays | {"losses": self.losses(k)})

    def _parts(self) -> dict[str, dict[str, Tensor]]:
        """Everything an update changes: weights and both moments of Adam, by name, each (K, ...)."""
        moments = {part: {n: self.adam.state[p][part] for n, p in self.weights.items()} for part in ("m", "v")}
        return {"weights": self.weights} | moments

    def losses(self, k: int) -> NDArray[np.float32]:
        """The recorded losses of member k: (rows, 1 + number of losses), the step first."""
        return np.array([rows[k] for rows in self.record], np.float32).reshape(-1, 1 + len(LOSSES))

    def resume(self, members: Sequence[Progress]) -> None:
        """Continue from where the members stood, all at the same step."""
        (self.step,) = {m.step for m in members}
        self.adam.steps = self.step
        for k, saved in enumerate(members):
            for part, stacked in self._parts().items():
                set_member(stacked, k, _part(saved.arrays, part))
        self.record = list(np.stack([m.arrays["losses"] for m in members], axis=1))


class EveryMacroStep(pl.Callback):
    """After each macro-step: report the step, log new losses with each member's logger, save progress when due."""

    def __init__(
        self,
        every: int,
        save: Callable[[int, Progress], None],
        report: Callable[[int], None],
        loggers: Sequence[Any] = (),
    ) -> None:
        self.every, self.save, self.report, self.loggers = every, save, report, loggers
        self.saved = self.logged = 0

    def on_train_batch_end(self, trainer: pl.Trainer, fleet: Fleet, *_: object) -> None:  # type: ignore[override]
        self.report(fleet.step)
        for rows in fleet.record[self.logged :]:
            for logger, (step, *losses) in zip(self.loggers, rows, strict=False):  # there may be no loggers
                logger.log_metrics(dict(zip(LOSSES, map(float, losses), strict=True)), int(step))
        self.logged = len(fleet.record)
        if fleet.step - self.saved >= self.every:
            self.saved = fleet.step
            for k in np.flatnonzero(fleet.failed < 0):
                self.save(int(k), fleet.progress(int(k)))


def fit(fleet: Fleet, steps: int, accelerator: str, callback: EveryMacroStep, macro_step: int = 50) -> None:
    """Train a fleet to `steps` updates under a Lightning Trainer, in macro-steps."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no advertisements
    callback.saved, callback.logged = fleet.step, len(fleet.record)
    ends = [*range(fleet.step + macro_step, steps, macro_step), steps]
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator=accelerator,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback],
    )
    trainer.fit(fleet, DataLoader(ends, batch_size=None))  # type: ignore[arg-type]


def _part(arrays: Mapping[str, NDArray[np.float32]], part: str) -> Arrays:
    return {n.removeprefix(f"{part}/"): a for n, a in arrays.items() if n.startswith(f"{part}/")}
