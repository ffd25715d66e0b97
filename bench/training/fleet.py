"""A fleet: many runs of one model on one data set, trained together as one LightningModule.

Its members are divided into stacks. One Lightning `training_step` is a macro-step of many updates, so the overhead of
Lightning is negligible. On a GPU an update of the whole fleet is one CUDA graph with a branch for each stack. A member
of a killed fleet is restored bit for bit in any other fleet (see `stack`).
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from bench.models.base import State
from bench.training.graph import StepGraph
from bench.training.stack import Progress, Stack

EAGER_STEPS = 3  # updates before a graph is recorded; libraries choose their algorithms during these
MACRO_STEPS = {"cpu": 50, "cuda": 500}  # updates per Lightning step


class Fleet(pl.LightningModule):
    """Stacks that are trained together, and their recorded losses.

    Args:
        stacks: of one model, data set and schedule, at the same step.
        log_every: steps between two records of the losses.
    """

    def __init__(self, stacks: Sequence[Stack], log_every: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.stacks, self.log_every = stacks, log_every
        self.models = torch.nn.ModuleList(s.model for s in stacks)
        self.places = [(s, k) for s in stacks for k in range(s.model.fleet)]
        (self.step,) = {int(s.clock) for s in stacks}
        (self.columns,) = {s.columns for s in stacks}
        self.failed = np.full(len(self.places), -1)
        self.updates = 0
        on_gpu = all(s.device.type == "cuda" and s.batches.source.on_device for s in stacks)
        self.graph = StepGraph([s.update for s in stacks]) if on_gpu else None

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [s.adam for s in self.stacks]

    def training_step(self, last: int) -> None:
        """Update every member up to step `last`; note the first step at which a member's loss is not finite."""
        while self.step < last:
            recorded = (self.step + 1) % self.log_every == 0 or self.step == 0
            self.update(recorded)
            self.step += 1
        bad = torch.cat([s.first_bad for s in self.stacks]).cpu().numpy()
        self.failed = np.where(self.failed < 0, bad, self.failed)
        if (self.failed >= 0).all():
            self.trainer.should_stop = True

    def update(self, recorded: bool) -> None:
        """One update of every stack."""
        self.updates += 1
        if self.graph is None:
            for stack in self.stacks:
                stack.update(curves=recorded)
        elif recorded or self.updates <= EAGER_STEPS:
            self.graph.eager([partial(s.update, curves=recorded) for s in self.stacks])
        else:
            self.graph.replay()

    def progress(self, k: int) -> Progress:
        """The state that member k resumes from."""
        stack, slot = self.places[k]
        return stack.progress(slot)

    def state(self, k: int) -> State:
        """The weights of member k."""
        stack, slot = self.places[k]
        return stack.model.member(slot)

    def losses(self) -> NDArray[np.float32]:
        """The recorded losses of every member: (records, members, 1 + number of losses), the step first."""
        return np.concatenate([s.losses() for s in self.stacks], axis=1)


class EveryMacroStep(pl.Callback):
    """After each macro-step: report progress, log new losses with each member's logger, save members when due.

    Args:
        every: updates between two checkpoints.
        save: called with a member's number and progress.
        report: called with the current step and the recorded losses, as `Fleet.losses` returns them.
        loggers: one per member, or empty.
    """

    def __init__(
        self,
        every: int,
        save: Callable[[int, Progress], None],
        report: Callable[[int, NDArray[np.float32]], None],
        loggers: Sequence[Any] = (),
    ) -> None:
        self.every, self.save, self.report, self.loggers = every, save, report, loggers
        self.saved = self.logged = 0

    def on_train_batch_end(self, trainer: pl.Trainer, fleet: Fleet, *_: object) -> None:  # type: ignore[override]
        losses = fleet.losses()
        self.report(fleet.step, losses)
        for rows in losses[self.logged :]:
            for logger, (step, *values) in zip(self.loggers, rows, strict=False):  # `loggers` may be empty
                logger.log_metrics(dict(zip(fleet.columns, map(float, values), strict=True)), int(step))
        self.logged = len(losses)
        if fleet.step - self.saved >= self.every:
            self.saved = fleet.step
            for k in map(int, np.flatnonzero(fleet.failed < 0)):
                self.save(k, fleet.progress(k))


def fit(fleet: Fleet, steps: int, accelerator: str, callback: EveryMacroStep, macro_step: int) -> None:
    """Train a fleet to `steps` updates under a Lightning Trainer, in macro-steps."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # suppress Lightning's tips
    callback.saved, callback.logged = fleet.step, len(fleet.losses())
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
