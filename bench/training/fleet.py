"""A fleet: many runs of one model on one data set trained together as one LightningModule.

One Lightning `training_step` is a macro-step of many updates, so Lightning's own cost disappears. A member's
progress is its slice of the parameters and optimiser state, the step, and the losses recorded so far: a killed
fleet resumes bit for bit, in whatever fleet its members find themselves next.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from bench.grid import LOSSES
from bench.models.vae import GaussianVAE
from bench.training.adam import Adam
from bench.training.batches import Batches

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Progress:
    """Where a member stands: updates done, its arrays (weights/, m/, v/) and its recorded losses (rows, 1 + 4)."""

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
        self.adam = Adam(model.learned().values(), learning_rate)
        self.step = 0
        self.failed = np.full(model.fleet, -1)
        self.record: list[NDArray[np.float32]] = []

    def configure_optimizers(self) -> Adam:
        return self.adam

    def training_step(self, last: int) -> None:
        """Update every member up to step `last`; a member whose loss is not finite is marked with that step."""
        finite = torch.ones(self.model.fleet, device=self.device)
        while self.step < last:
            losses = self.update()
            finite = finite * losses["loss"].isfinite()
            self.step += 1
            if self.step % self.log_every == 0 or self.step == 1:
                rows = torch.stack([losses[n] for n in LOSSES], dim=1).cpu().numpy()
                self.record.append(np.concatenate([np.full((len(rows), 1), self.step), rows], axis=1))
        broken = (finite.cpu().numpy() == 0) & (self.failed < 0)
        self.failed[broken] = self.step
        if (self.failed >= 0).all():
            self.trainer.should_stop = True

    def update(self) -> dict[str, Tensor]:
        """One step of every member. Losses are summed over members, so each gets exactly its own gradient."""
        images = self.batches.images(self.step).to(self.device)
        noise = self.batches.noise(self.step).to(self.device)
        losses = self.model.losses(images, noise, self.step)
        self.adam.zero_grad()
        losses["loss"].sum().backward()
        self.adam.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def progress(self, k: int) -> Progress:
        """What member k needs to go on."""
        arrays = {f"weights/{n}": a for n, a in self.model.member(k).items()}
        for name, p in self.model.learned().items():
            for part in ("m", "v"):
                arrays[f"{part}/{name}"] = self.adam.state[p][part][k].cpu().numpy().copy()
        return Progress(self.step, arrays | {"losses": self.losses(k)})

    def losses(self, k: int) -> NDArray[np.float32]:
        """The recorded losses of member k: (rows, 1 + 4), the step first."""
        return np.array([rows[k] for rows in self.record], np.float32).reshape(-1, 1 + len(LOSSES))

    def resume(self, members: Sequence[Progress]) -> None:
        """Continue from where the members stood, all at the same step."""
        (self.step,) = {m.step for m in members}
        self.adam.steps = self.step
        for k, member in enumerate(members):
            self.model.load_member(k, _part(member.arrays, "weights"))
            for part in ("m", "v"):
                for name, p in self.model.learned().items():
                    self.adam.state[p][part][k].copy_(torch.from_numpy(member.arrays[f"{part}/{name}"]))
        self.record = list(np.stack([m.arrays["losses"] for m in members], axis=1))


class EveryMacroStep(pl.Callback):
    """After each macro-step: report the step, and hand every living member's progress to `save` when it is due."""

    def __init__(self, every: int, save: Callable[[int, Progress], None], report: Callable[[int], None]) -> None:
        self.every, self.save, self.report, self.saved = every, save, report, 0

    def on_train_batch_end(self, trainer: pl.Trainer, fleet: Fleet, *_: object) -> None:  # type: ignore[override]
        self.report(fleet.step)
        if fleet.step - self.saved >= self.every:
            self.saved = fleet.step
            for k in np.flatnonzero(fleet.failed < 0):
                self.save(int(k), fleet.progress(int(k)))


def fit(fleet: Fleet, steps: int, accelerator: str, callback: EveryMacroStep, macro_step: int = 50) -> None:
    """Train a fleet to `steps` updates under a Lightning Trainer, in macro-steps."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no advertisements
    callback.saved = fleet.step
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
