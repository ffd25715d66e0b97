"""Shipped costs of training and scoring, measured elsewhere: for estimates before any run has finished here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench import data
from bench.scoring.runs import Cell, GroupCell
from bench.study.plan import Member
from bench.study.run import Run

DEVICES = ("cpu core", "H200")


@dataclass(frozen=True)
class ShippedCosts:
    """Costs measured on one of `DEVICES`, for one protocol of scoring."""

    device: str
    protocol: str

    def train(self, runs: Iterable[Run]) -> float | None:
        """Seconds to train runs one after another; None if one of them is like none that was measured."""
        return total(self._training(run) for run in runs)

    def score(self, unscored: Iterable[tuple[Member, Sequence[Cell]]]) -> float | None:
        """Seconds to encode and score runs one after another on a CPU core; None if a metric was not measured."""
        return total(self._scoring(run, cells) for run, cells in unscored)

    def _training(self, run: Run) -> float | None:
        costs, schedule = _costs()[self.device], run.schedule
        if run.fitted:  # on a CPU core, on any device
            fit: float | None = _costs()["cpu core"]["fits"].get(run.model)
            return fit
        for measured in costs["steps"]:
            relative = measured.get(run.model, costs["models"].get(run.model))
            conditions = measured.keys() & {"architecture", "image_size", "convolution"}
            if relative is not None and all(getattr(schedule, k) in ("auto", measured[k]) for k in conditions):
                an_image = relative * measured["seconds"] / measured["batch_size"]
                drawing = costs["drawing"].get(run.dataset, 0.0)
                return float(schedule.steps * schedule.batch_size * (an_image + drawing))
        return None

    def _scoring(self, run: Member, cells: Sequence[Cell]) -> float | None:
        metrics: Mapping[str, float] = _costs()["scores"].get(self.protocol, {})
        scores = total(metrics.get(cell.metric, metrics.get("others")) for cell in cells)
        if scores is None or not isinstance(run, Run) or all(isinstance(cell, GroupCell) for cell in cells):
            return scores  # given codes are not encoded; a group's runs are encoded already
        encoding = {(e["architecture"], e["image_size"]): e["seconds"] for e in _costs()["cpu core"]["encoding"]}
        an_image = encoding.get((run.schedule.architecture, run.schedule.image_size))
        if an_image is None:
            return None
        if (card := data.card_if_here(run.dataset)) is None:
            return None
        available = card.num_images
        images = sum(min(pool or available, available) for pool in {cell.pool for cell in cells})
        return scores + images * an_image


def total(parts: Iterable[float | None]) -> float | None:
    """The sum, or None if a part is unknown."""
    seconds = list(parts)
    return None if None in seconds else sum(part for part in seconds if part is not None)


@cache
def _costs() -> Mapping[str, Any]:
    costs: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "costs.yaml").read_text(encoding="utf-8"))
    return costs
