"""The score table: every score of every run as one long DataFrame, read from the runs' folders.

| column | meaning |
|---|---|
| run | run id |
| model, seed, dataset, schedule | the run |
| strength, value | index into the model's published values; the hyper-parameter itself |
| representation | mean or sampled; missing: a score of the run, not of its codes |
| metric, version | what computed the score |
| name | the score, such as "dci_disentanglement" |
| factor | the factor it is for; missing: all factors together |
| score | its value |
| num_train, num_test | rows it rests on (num_train alone where nothing is held out) |
| cell | key of (metric, version, representation, sizes, options) |
| seconds | wall time of the cell |

Rows of the metric "training" are the end of a run's losses: reconstruction, kl (nats an image, lower is better) and
elbo = -(reconstruction + kl), means over the logged steps of the last fifth of training; num_train is the number of
images in them. Fitted learners have none.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import data
from bench.grid import Plan
from bench.registry import unknown
from bench.scoring import cell_records, cells
from bench.store import RunFolder, Store, StoreError, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd

TRAINING = "training"  # the metric of scores that come from a run's losses
TRAINING_VERSION = 1
LAST = 0.2  # the share of training that its final losses are means over
COLUMNS = {
    "run": "string",
    "model": "string",
    "strength": "Int64",
    "value": "float64",
    "seed": "int64",
    "dataset": "string",
    "schedule": "string",
    "representation": "string",
    "metric": "string",
    "version": "int64",
    "name": "string",
    "factor": "string",
    "score": "float64",
    "num_train": "int64",
    "num_test": "int64",
    "cell": "string",
    "seconds": "float64",
}


def write_plan(plan: Plan, store: Store) -> None:
    """Write down which runs and cells a study consists of: the view that `scores(study=...)` reads."""
    wanted = {"runs": [r.id for r in plan.runs], "cells": [c.key for c in cells(plan.metrics, plan.protocol)]}
    described = {"name": plan.name, "title": plan.title, "budget": plan.budget, "protocol": plan.protocol.name}
    write_json(store.study_plan(plan.name), described | wanted)


def scores(study: str | None = None, results_dir: Path | str | None = None) -> "pd.DataFrame":
    """The long score table, of one study or of everything in the store.

    Raises:
        UnknownNameError: no study of that name was started in this store.
    """
    store = Store(results_dir)
    if study is None:
        return _frame(_rows(store, store.run_ids(), None))
    if study not in store.studies():
        raise unknown("study (not started here)", study, store.studies())
    plan = read_json(store.study_plan(study))
    return _frame(_rows(store, plan["runs"], set(plan["cells"])))


def _frame(rows: Iterator[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(COLUMNS)


def _rows(store: Store, run_ids: list[str], wanted: set[str] | None) -> Iterator[dict[str, Any]]:
    for run_id in run_ids:
        folder = store.run(run_id)
        if not folder.config.exists():
            continue
        run = _described(folder)
        for key, record in cell_records(folder).items():
            if "values" in record and (wanted is None or key in wanted):
                yield from _exploded(run, record)
        if folder.done.exists() and folder.losses.exists():
            yield from _training(run, folder)


def _described(folder: RunFolder) -> dict[str, Any]:
    config = read_json(folder.config)
    try:
        return {
            "run": config["id"],
            "model": config["model"]["name"],
            "strength": config["strength"],
            "value": config["value"],
            "seed": config["seed"],
            "dataset": config["dataset"]["name"],
            "schedule": config["schedule_label"],
        }
    except (KeyError, TypeError) as fault:
        raise StoreError(f"{folder.config} lacks {fault}") from fault


def _exploded(run: dict[str, Any], record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rows = record["rows"]
    sizes = {"num_train": rows.get("num_train", rows.get("num_points", 0)), "num_test": rows.get("num_test", 0)}
    kept = {c: record[c] for c in ("representation", "metric", "version", "seconds")} | {"cell": record["key"]}
    for name, value in record["values"].items():
        stem, _, factor = name.partition("/")
        named = data.factor_name(run["dataset"], int(factor)) if factor else None
        yield run | kept | sizes | {"name": stem, "factor": named, "score": value}


def _training(run: dict[str, Any], folder: RunFolder) -> Iterator[dict[str, Any]]:
    """The final losses of a run as rows of the table."""
    schedule = read_json(folder.config)["schedule"]
    values, records = _final_losses(folder)
    fixed = {"representation": None, "metric": TRAINING, "version": TRAINING_VERSION, "cell": TRAINING, "seconds": 0.0}
    sizes = {"num_train": records * schedule["batch_size"], "num_test": 0}
    for name, value in values.items():
        yield run | fixed | sizes | {"name": name, "factor": None, "score": value}


def _final_losses(folder: RunFolder) -> tuple[dict[str, float], int]:
    """Mean reconstruction, KL and ELBO over the last logged steps, and how many those are.

    Raises:
        StoreError: the file of losses is damaged; the message names it.
    """
    try:
        with folder.losses.open(encoding="utf-8", newline="") as file:
            rows = [(int(r["step"]), float(r["reconstruction"]), float(r["kl"])) for r in csv.DictReader(file)]
        end = rows[-1][0]
    except (OSError, KeyError, TypeError, ValueError, IndexError) as fault:
        raise StoreError(f"cannot read {folder.losses}: {fault!r}") from fault
    last = [r for r in rows if r[0] > (1 - LAST) * end]
    reconstruction, kl = (sum(r[k] for r in last) / len(last) for k in (1, 2))
    return {"reconstruction": reconstruction, "kl": kl, "elbo": -(reconstruction + kl)}, len(last)
