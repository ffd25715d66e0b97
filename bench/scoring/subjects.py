"""The subjects of scoring: one run with its codes and its model, or a group of runs that differ in their seed alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataSet
from bench.data.chosen import ChosenImages
from bench.metrics.base import Floats, Ints, SkippedError, check_codes
from bench.models.base import Learner
from bench.scoring import codes as coding
from bench.scoring.codes import Codes
from bench.scoring.returned import ScoreError, checked
from bench.scoring.runs import HELD_OUT, OTHERWISE, Cell, called, check_width, declaration, evaluate
from bench.store.files import generator_of


@dataclass(frozen=True)
class OfRun:
    """One run.

    Attributes:
        run: its id, which seeds every random choice.
        codes: its codes; None if no cell reads them.
        factors: (N, F) of the codes' images.
        model: the trained learner, and the data set at the size that it was trained on; None if no cell reads them, or
            there is none.
        held_out: indices of the images that training never draws; None if there are none or they are not known.
    """

    run: str
    codes: Codes | None
    factors: Ints | None
    model: tuple[Learner, DataSet] | None = None
    held_out: NDArray[np.int64] | None = None

    @property
    def runs(self) -> Sequence[str]:
        return (self.run,)

    def evaluate(self, cell: Cell) -> tuple[list[dict[str, float]], dict[str, int]]:
        """The values of a cell, and the numbers of rows or images that they rest on."""
        if cell.representation == HELD_OUT and self.held_out is None:
            raise SkippedError("no image is held out: training may draw every one, or what it drew is not known")
        if declaration(cell.metric).reads == "model":
            values, rows = self._of_model(cell)
        else:
            codes = self._representation(cell.representation)
            factor_values = self.codes.values if self.codes else None
            values, rows = evaluate(cell, codes, self.factors, self.run, factor_values, self._held_out_rows(cell))
        return [values], rows

    def _held_out_rows(self, cell: Cell) -> NDArray[np.bool_] | None:
        """Mask of the encoded images that are held out, if the cell is of those; else None."""
        if cell.representation != HELD_OUT:
            return None
        assert self.codes is not None
        assert self.held_out is not None
        mask = np.isin(self.codes.index, self.held_out)
        if not 0 < mask.sum() < len(mask):
            raise SkippedError(f"of the {len(mask):,} images that are encoded {int(mask.sum()):,} are held out")
        return mask

    def _representation(self, kind: str) -> Floats:
        assert self.codes is not None
        if kind == "sampled" and self.codes.logvar is None:
            raise SkippedError("a deterministic code has no sampled representation")
        return check_codes(self.codes.representation("mean" if kind == HELD_OUT else kind, self.run))

    def _of_model(self, cell: Cell) -> tuple[dict[str, float], dict[str, int]]:
        if self.model is None:
            raise SkippedError(f"{cell.metric} {OTHERWISE['model']}")
        (learner, data), declared = self.model, declaration(cell.metric)
        index = coding.pool(data, cell.sizes["num_points"])
        if cell.representation == HELD_OUT:
            assert self.held_out is not None
            index = self.held_out[coding.places(data, len(self.held_out), cell.sizes["num_points"])]
        factors = data.factors(index) if declared.min_factors else np.zeros((len(index), 0), np.int64)
        if (varying := int((np.ptp(factors, axis=0) > 0).sum())) < declared.min_factors:
            raise SkippedError(f"{cell.metric} needs at least {declared.min_factors} factors that vary, got {varying}")
        images: Any = ChosenImages(data, index)
        arguments = [learner, images, factors] if declared.min_factors else [learner, images]
        values = called(cell, arguments, self.run)
        return checked(declared, values, factors.shape[1]), {"num_points": len(index)}


@dataclass(frozen=True)
class OfGroup:
    """Runs that differ in their seed alone.

    Attributes:
        runs: their ids, in the order of their seeds.
        codes: key of a cell -> for each run its mean codes (n, D) at the images that the cell reads, and the mean KL of
            each dimension (D,) or None; empty if there are too few runs.
    """

    runs: Sequence[str]
    codes: Mapping[str, Sequence[tuple[Floats, Floats | None]]]

    def evaluate(self, cell: Cell) -> tuple[list[dict[str, float]], dict[str, int]]:
        """The values of each run, and the number of images that they rest on."""
        declared = declaration(cell.metric)
        if len(self.runs) < declared.min_runs:
            least = f"at least {declared.min_runs} trained runs that differ in their seed alone"
            raise SkippedError(f"{cell.metric} compares the codes of {least}")
        means, divergences = zip(*self.codes[cell.key], strict=True)
        check_width(declared, max(mean.shape[1] for mean in means))
        keywords = {}
        if declared.reads_kl:
            if any(kl is None for kl in divergences):
                raise SkippedError(f"{cell.metric} reads the KL of each dimension, which a deterministic code has not")
            keywords["kl"] = np.stack(divergences)
        values = called(cell, [list(means)], sorted(self.runs), **keywords)
        return _of_each(cell, values, len(self.runs)), {"num_points": len(means[0])}


def _of_each(cell: Cell, values: Any, runs: int) -> list[dict[str, float]]:
    """The scores of each run from the result of a metric of groups.

    Raises:
        ScoreError: the result is not declared, or not one number a run.
    """
    declared = declaration(cell.metric)
    if not isinstance(values, Mapping):
        checked(declared, values, 0)
    for name, numbers in values.items():
        if np.shape(numbers) != (runs,):
            raise ScoreError(
                f"{cell.metric} returned {np.shape(numbers)} values of {name}, not one for each of {runs} runs"
            )
    return [checked(declared, {name: numbers[i] for name, numbers in values.items()}, 0) for i in range(runs)]


def compared_images(metric: str, dataset: str, encoded: int, most: int) -> NDArray[np.int64]:
    """Rows of the encoded images on which runs are compared, (n,): the same for every group on a data set."""
    return np.sort(generator_of([metric, dataset, encoded]).permutation(encoded)[:most])


def mean_kl(codes: Codes) -> Floats | None:
    """KL of each dimension to the prior, in nats, (D,): 1/2 E[mean^2 + exp(logvar) - logvar - 1]; None: no variance."""
    if codes.logvar is None:
        return None
    mean, logvar = codes.mean.astype(np.float64), codes.logvar.astype(np.float64)
    with np.errstate(over="ignore"):  # an infinite KL compares with thresholds as intended
        kl: Floats = (mean**2 + np.exp(logvar) - logvar - 1).mean(axis=0) / 2
    return kl
