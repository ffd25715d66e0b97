"""Scores of a group of runs that differ in their seed alone: UDR, from stored codes."""

import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import data
from bench.columns import COLUMNS
from bench.metrics.base import Floats
from bench.metrics.groups.udr import udr
from bench.progress import say_once
from bench.scoring import codes as coding
from bench.store.files import StoreError, digest, read_arrays
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.run import Run

if TYPE_CHECKING:
    import pandas as pd

Index = NDArray[np.int64]

UDR = "udr"  # the metric's name in the table
VERSION = 1
POINTS = 1_000


def udr_scores(plan: Plan, store: Store) -> "pd.DataFrame":
    """The UDR of every run of a study, as rows of the score table.

    A run is compared with the runs of the study that share everything but the seed, on the mean codes of 1,000 images,
    the same for all runs on a data set. Runs without stored codes or without a log-variance, and runs that nothing is
    left to compare with, have none.
    """
    import pandas as pd

    groups: dict[str, list[Run]] = {}
    for run in plan.runs:
        groups.setdefault(digest(run.config() | {"seed": None}), []).append(run)
    rows = [row for runs in groups.values() for row in _scored(runs, plan.protocol.pool, store)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _scored(runs: Sequence[Run], pool: int | None, store: Store) -> Iterator[dict[str, Any]]:
    """Rows of one group."""
    started, images = time.perf_counter(), data.card(runs[0].dataset).num_images
    size = min(pool or images, images)
    encoded = [run for run in runs if os.path.exists(store.run(run.id).codes(size))]
    if len(encoded) < 2:
        return
    index = coding.pool(data.load_data(runs[0].dataset), pool)
    points = _points(runs[0].dataset, index)
    given = [(run, *pair) for run in encoded if (pair := _means_and_kl(run, index, points, store)) is not None]
    if len(given) < 2:
        return
    found = udr([mean for _, mean, _ in given], [kl for *_, kl in given])
    cell = digest([UDR, VERSION, len(index), sorted(run.id for run, *_ in given)])
    shared = {"representation": "mean", "metric": UDR, "version": VERSION, "factor": None, "cell": cell}
    shared |= {"num_train": len(points), "num_test": 0, "seconds": time.perf_counter() - started}
    for name, values in found.items():
        for (run, *_), value in zip(given, values, strict=True):
            yield _described(run) | shared | {"name": name, "score": value}


def _points(dataset: str, index: Index) -> Index:
    """Which of the encoded images the runs on a data set are compared on."""
    seed = int(digest([UDR, dataset, len(index)]), 16)
    return np.sort(np.random.default_rng(seed).permutation(len(index))[:POINTS])


def _means_and_kl(run: Run, index: Index, points: Index, store: Store) -> tuple[Floats, Floats] | None:
    """Means (n, D) of the points and the mean KL of each dimension (D,), 1/2 E[mean^2 + exp(logvar) - logvar - 1]."""
    try:
        codes, _ = read_arrays(store.run(run.id).codes(len(index)), points)
    except StoreError as fault:
        say_once(f"{run} has no UDR: {fault}")
        return None
    if not codes.keys() >= {"mean", "logvar", "index"} or not np.array_equal(codes["index"], index[points]):
        return None
    mean, logvar = codes["mean"].astype(np.float64), codes["logvar"].astype(np.float64)
    with np.errstate(over="ignore"):  # an infinite KL is above the threshold like any other
        return mean, (mean**2 + np.exp(logvar) - logvar - 1).mean(axis=0) / 2


def _described(run: Run) -> dict[str, Any]:
    own = {name: getattr(run, name) for name in ("model", "strength", "value", "seed", "dataset")}
    return own | {"run": run.id, "schedule": run.schedule.label}
