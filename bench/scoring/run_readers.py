"""Reads what trained runs are scored by: codes, which are encoded and stored if missing, and models."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.data import factor_names, load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.metrics.base import OF_CODES, Floats
from bench.models.base import Learner
from bench.scoring import codes as coding
from bench.scoring.codes import Codes
from bench.scoring.isolation import LostWeightsError, Scoring
from bench.scoring.runs import HELD_OUT, Cell, declaration, failure
from bench.scoring.subjects import OfGroup, OfRun, compared_images, mean_kl
from bench.store.files import StoreError, is_out_of_reach, write_json
from bench.store.folders import RunFolder
from bench.study.given import GivenCodes
from bench.study.plan import Member
from bench.study.run import Run

Rows = NDArray[np.int64]


def of_run(run: Run, cells: Sequence[Cell]) -> Scoring:
    """The scoring of cells of a trained run; it is encoded if its codes are not stored."""
    return Scoring((run.id,), str(run), tuple(cells), partial(read_run, run), factor_names(run.dataset))


def of_group(group: Sequence[Member], cells: Sequence[Cell]) -> Scoring:
    """The scoring of cells of a group of runs; each run is encoded if its codes are not stored."""
    seeds = ", ".join(str(member.seed) for member in group)
    title = f"{group[0].setting}, seeds {seeds}, on {group[0].dataset}"
    return Scoring(tuple(m.id for m in group), title, tuple(cells), partial(read_group, tuple(group)))


def read_run(run: Run, folders: Sequence[RunFolder], cells: Sequence[Cell]) -> OfRun:
    """A run's codes, factors and model, as far as its cells read them.

    Raises:
        LostWeightsError: its weights cannot be read.
    """
    (folder,) = folders
    data = at_size(load_data(run.dataset), run.schedule.image_size)
    reads = {declaration(cell.metric).reads for cell in cells}
    codes = _codes(run, folder, data, coding.pool(data, cells[0].pool)) if reads & set(OF_CODES) else None
    if codes is not None:
        codes = replace(codes, values=data.values(codes.index))
    model = (_learner(run, folder), data) if "model" in reads else None
    held_out = run.sampling.held_out(data.card) if any(cell.representation == HELD_OUT for cell in cells) else None
    return OfRun(run.id, codes, None if codes is None else data.factors(codes.index), model, held_out)


def read_group(group: Sequence[Member], folders: Sequence[RunFolder], cells: Sequence[Cell]) -> OfGroup:
    """The codes of each run of a group at the images that each cell reads; empty if there are too few runs.

    Raises:
        LostWeightsError: the weights of one of them cannot be read.
    """
    codes_of_cell: dict[str, list[tuple[Floats, Floats | None]]] = {}
    runs = [run for run in group if not isinstance(run, GivenCodes)]
    if all(len(runs) < declaration(cell.metric).min_runs for cell in cells):
        return OfGroup([member.id for member in group], {})
    data = at_size(load_data(runs[0].dataset), runs[0].schedule.image_size)
    index = coding.pool(data, cells[0].pool)
    for cell in cells:
        rows = compared_images(cell.metric, runs[0].dataset, len(index), cell.sizes["num_points"])
        codes = [_codes(run, folder, data, index, rows) for run, folder in zip(runs, folders, strict=True)]
        codes_of_cell[cell.key] = [(c.mean, mean_kl(c)) for c in codes]
    return OfGroup([run.id for run in runs], codes_of_cell)


def _codes(run: Run, folder: RunFolder, data: DataSet, index: Rows, rows: Rows | None = None) -> Codes:
    """Codes of some rows of an index (None: all); if they are not stored, the whole index is encoded and stored."""
    if (stored := coding.load(folder, index, rows)) is not None:
        return stored
    encoded = coding.encode(_learner(run, folder), data, index, device="cpu")
    encoded.save(folder)
    if rows is None:
        return encoded
    return Codes(encoded.mean[rows], None if encoded.logvar is None else encoded.logvar[rows], encoded.index[rows])


def _learner(run: Run, folder: RunFolder) -> Learner:
    """The trained model of a run; damaged weights are set aside, and the run is recorded as failed."""
    from bench.training.train import load_learner  # imports torch

    try:
        return load_learner(run, folder)
    except StoreError as fault:
        if is_out_of_reach(fault.__cause__):
            raise LostWeightsError(f"{fault}; the run is left alone") from fault
        kept_files = [folder.set_aside(file).name for file in (folder.weights, folder.done) if file.exists()]
        error = LostWeightsError(f"{fault}; kept as {kept_files[0] if kept_files else 'nothing'}")
        write_json(folder.failed, failure(fault) | {"error": f"StoreError: {error}"})
        raise error from fault
