"""The scoring stage: every metric on every representation of a run, from codes computed once.

A *cell* is one (metric, representation) under one protocol for one run. It is computed from rows and a seed that
depend on the run, the metric and its version alone, so adding a metric changes no other number.
"""

import dataclasses
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bench import codes as coding
from bench import registry
from bench.data import load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.grid import Protocol, Run
from bench.metrics.base import Floats, Ints, Metric, check_codes, check_factors
from bench.store import RunFolder, Store, StoreError, digest, read_json, write_json

PUBLISHED = Protocol("published", None, None, None, None, ("mean",), (), {})


class LostWeightsError(RuntimeError):
    """The weights of a trained run cannot be read: they are set aside and the run counts as failed."""


class SkippedError(ValueError):
    """A metric that does not apply to these codes or factors; the message is the reason."""


@dataclass(frozen=True)
class Cell:
    """One metric on one representation under a protocol: what is computed, and the key it is stored under."""

    metric: str
    version: int
    representation: str
    sizes: Mapping[str, int]
    options: Mapping[str, Any]
    pool: int | None

    @cached_property
    def key(self) -> str:
        """Twelve hex digits: a hash of everything above."""
        return digest(dataclasses.asdict(self))


def cells(metrics: Iterable[str], protocol: Protocol) -> list[Cell]:
    """The cells that a protocol asks of every run."""
    return [_cell(name, kind, protocol) for name in metrics for kind in _kinds(name, protocol)]


def _kinds(name: str, protocol: Protocol) -> list[str]:
    sampled = ("sampled",) if name in protocol.also_sampled else ()
    return list(dict.fromkeys((*protocol.representations, *sampled)))


def _cell(name: str, kind: str, protocol: Protocol) -> Cell:
    declared: Metric = registry.load("metrics", name).metric
    wanted = {"points": ("num_points",), "split": ("num_train", "num_test"), "all": ()}[declared.reads]
    sizes = {s: getattr(protocol, s) or getattr(declared, s) for s in wanted}
    return Cell(name, declared.version, kind, sizes, protocol.options.get(name, {}), protocol.pool)


def score(
    codes: ArrayLike, factors: ArrayLike | None = None, metrics: Sequence[str] | None = None, seed: int = 0
) -> dict[str, float]:
    """Scores of a representation, under the published protocol as far as the rows go.

    Args:
        codes: (N, D) real numbers.
        factors: (N, F) integers from 0: the class of each factor. None: only metrics of codes alone apply.
        metrics: names; None: every registered metric that applies.
        seed: of the metrics that draw random rows.

    Returns:
        Score name -> value; "name/3" is the value for factor 3 alone.

    Raises:
        ValueError: bad codes or factors, an unknown metric, or one asked for by name that does not apply.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).integers(0, 4, size=(1000, 2))
        >>> round(score(factors.astype(float), factors, metrics=["mig"])["mig"], 2)
        1.0
    """
    array = check_codes(codes, min_rows=2)
    classes = None if factors is None else check_factors(factors, len(array))
    values: dict[str, float] = {}
    for name in registry.names("metrics") if metrics is None else metrics:
        try:
            values |= evaluate(_cell(name, "mean", PUBLISHED), array, classes, f"seed {seed}")[0]
        except SkippedError:
            if metrics is not None:
                raise
    return values


def evaluate(cell: Cell, codes: Floats, factors: Ints | None, identity: str) -> tuple[dict[str, float], dict[str, int]]:
    """The values of one cell and the numbers of rows they rest on.

    Args:
        cell: what to compute.
        codes: (N, D).
        factors: (N, F), or None.
        identity: whose codes these are; with the metric and its version it seeds every random choice.

    Raises:
        SkippedError: the metric needs more factors than there are.
    """
    function = registry.load("metrics", cell.metric)
    declared: Metric = function.metric
    rows = _rows(cell, declared, len(codes), identity)
    available = 0 if factors is None else int((np.ptp(factors[next(iter(rows.values()))], axis=0) > 0).sum())
    if available < declared.min_factors:
        needed = f"{declared.min_factors} factor{'s' if declared.min_factors > 1 else ''} of two values or more"
        raise SkippedError(f"{cell.metric} needs at least {needed}, got {available}")
    options = dict(cell.options)
    if declared.seeded:
        options["seed"] = int(digest([identity, cell.metric, cell.version], 8), 16)
    arguments = [a[r] for r in rows.values() for a in (codes, factors) if a is not None and _wants(declared, a, codes)]
    values = function(*arguments, **options)
    for name in values:
        declared.score(name)
    return {n: float(v) for n, v in values.items()}, {n: len(r) for n, r in rows.items()}


def _wants(declared: Metric, array: Any, codes: Floats) -> bool:
    return array is codes or declared.min_factors > 0


def _rows(cell: Cell, declared: Metric, total: int, identity: str) -> dict[str, Any]:
    """Which rows a metric reads; where there are too few, train and test shrink in their own proportion."""
    if declared.reads == "all":
        return {"num_points": np.arange(total)}
    order = np.random.default_rng(int(digest([identity, "rows"]), 16)).permutation(total)
    if declared.reads == "points":
        return {"num_points": order[: cell.sizes["num_points"]]}
    train, test = cell.sizes["num_train"], cell.sizes["num_test"]
    if train + test > total:
        train = max(1, round(total * train / (train + test)))
        test = total - train
    return {"num_train": order[:train], "num_test": order[train : train + test]}


def score_run(
    run: Run, wanted: Sequence[Cell], store: Store, load_learner: Callable[[Run, RunFolder], Any]
) -> list[dict[str, Any]]:
    """Compute cells of a trained run and write them as one file of scores.

    A metric that fails leaves its traceback in its own cell; the others are unharmed. A run that cannot be encoded
    leaves it in all of them.

    Returns:
        The records written, one a cell.

    Raises:
        LostWeightsError: its weights cannot be read; no cell is marked.
        StoreError: a file cannot be written.
    """
    folder = store.run(run.id)
    data = at_size(load_data(run.dataset), run.schedule.image_size)
    try:
        codes = _codes(run, folder, data, wanted[0].pool, load_learner)
    except (LostWeightsError, StoreError):
        raise
    except Exception as fault:
        records = [_described(cell) | _failure(fault) | {"seconds": 0.0} for cell in wanted]
    else:
        factors = data.factors(codes.index)
        records = [record_of(cell, codes, factors, run.id) for cell in wanted]
    write_json(folder.scores(digest([c.key for c in wanted])), {"run": run.id, "cells": records})
    return records


def _codes(
    run: Run, folder: RunFolder, data: DataSet, size: int | None, load_learner: Callable[[Run, RunFolder], Any]
) -> coding.Codes:
    index = coding.pool(data, size)
    stored = coding.load(folder, index)
    if stored is not None:
        return stored
    try:
        learner = load_learner(run, folder)
    except StoreError as fault:
        aside = [folder.set_aside(file).name for file in (folder.weights, folder.done) if file.exists()]
        lost = LostWeightsError(f"{fault}; kept as {aside[0] if aside else 'nothing'}")
        write_json(folder.failed, {"error": f"StoreError: {lost}"} | _failure(fault))
        raise lost from fault
    fresh = coding.encode(learner, data, index)
    fresh.save(folder)
    return fresh


def record_of(cell: Cell, codes: coding.Codes, factors: Ints, identity: str) -> dict[str, Any]:
    """Compute one cell: its values and the rows they rest on, or why it was skipped, or how it failed."""
    record = _described(cell)
    started = time.perf_counter()
    try:
        if cell.representation == "sampled" and codes.logvar is None:
            raise SkippedError("a deterministic code has no sampled representation")
        array = check_codes(codes.representation(cell.representation, identity))
        values, rows = evaluate(cell, array, factors, identity)
        record |= {"values": values, "rows": rows}
    except SkippedError as reason:
        record |= {"skipped": str(reason)}
    except Exception as fault:
        record |= _failure(fault)
    return record | {"seconds": round(time.perf_counter() - started, 4)}


def _described(cell: Cell) -> dict[str, Any]:
    return dataclasses.asdict(cell) | {"key": cell.key}


def _failure(fault: Exception) -> dict[str, str]:
    trace = "".join(traceback.format_exception(fault))
    return {"failed": f"{type(fault).__name__}: {fault}", "traceback": trace}


def cell_records(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Cell key -> its record, of every cell that was tried; one that succeeded outweighs one that failed."""
    records: dict[str, dict[str, Any]] = {}
    for path in folder.score_files():
        for record in read_json(path)["cells"]:
            if "failed" in records.get(record["key"], {"failed": ""}):
                records[record["key"]] = record
    return records


def state(record: dict[str, Any] | None) -> str:
    """ "done", "skipped", "failed", or "missing" where there is no record."""
    if record is None:
        return "missing"
    return next((s for s in ("skipped", "failed") if s in record), "done")
