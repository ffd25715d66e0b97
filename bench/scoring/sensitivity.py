"""Scores of the same stored codes under variations of the protocol: other bins, fewer rows, other draws, sampled codes.

Each variation changes one choice. Like floors, the scores are in a store of their own, `sensitivity/`, whose runs are
(run, evaluation); stored ones are not computed again. Nothing is trained or encoded.
"""

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import data, registry
from bench.metrics.base import OF_CODES
from bench.pool import Pool
from bench.progress import Meter
from bench.scoring import codes as coding
from bench.scoring.isolation import Scoring, score_all
from bench.scoring.runs import Cell, cell_records, cells, declaration
from bench.scoring.subjects import OfRun
from bench.store.files import StoreError, digest
from bench.store.folders import RunFolder, Store
from bench.study.plan import Plan
from bench.study.run import Run

if TYPE_CHECKING:
    import pandas as pd

BINS = (10, 40)
SHARES = (0.25, 0.5)  # fractions of the protocol's rows
EVALUATIONS = 3  # with different seeds; other choices are compared with the first
SIZES = ("num_train", "num_test", "num_variance")  # options of metrics that are numbers of rows or of votes


@dataclass(frozen=True)
class Way:
    """One way of evaluating: `choice` is the choice that differs from the protocol ("": none), `level` its value."""

    choice: str
    level: str
    evaluation: int
    cell: Cell


def ways(plan: Plan) -> list[Way]:
    """Every way of evaluating the headline scores of a study's metrics that read the images of its pool."""
    protocol = dataclasses.replace(plan.protocol, representations=("mean",), also_sampled=(), also_held_out=())
    declarations = {name: declaration(name) for name in plan.metrics}
    names = [
        name
        for name, declared in declarations.items()
        if declared.headline and declared.reads in OF_CODES and protocol.images(name) == protocol.pool
    ]
    result = []
    for cell in cells(names, protocol):
        result.append(Way("", "protocol", 0, cell))
        result += [Way("evaluation seed", f"draw {k}", k, cell) for k in range(1, EVALUATIONS)]
        result += [Way(*way, 0, other) for way, other in _others(cell)]
    return result


def _others(cell: Cell) -> Iterator[tuple[tuple[str, str], Cell]]:
    function = registry.load("metrics", cell.metric)
    parameters = inspect.signature(function).parameters
    if "num_bins" in parameters:
        options_used = {"num_bins": parameters["num_bins"].default} | dict(cell.options)
        for bins in BINS:
            if bins != options_used["num_bins"]:
                yield ("bins", f"{bins} bins"), _with_options(cell, num_bins=bins)
    for share in SHARES:
        sizes = {name: max(2, round(size * share)) for name, size in cell.sizes.items()}
        row_counts = {n: p.default for n, p in parameters.items() if n in SIZES} | dict(cell.options)
        options = {name: max(2, round(row_counts[name] * share)) for name in SIZES if name in row_counts}
        yield ("rows", f"{share:.0%} of the rows"), _with_options(dataclasses.replace(cell, sizes=sizes), **options)
    yield ("codes", "sampled codes"), dataclasses.replace(cell, representation="sampled")


def _with_options(cell: Cell, **options: Any) -> Cell:
    return dataclasses.replace(cell, options=dict(cell.options) | options)


def evaluate_again(plan: Plan, store: Store, pool: Pool) -> None:
    """Compute the missing scores of the runs whose codes are stored.

    Raises:
        StoreError: a file cannot be written.
    """
    sensitivity_store, all_ways, todo = Store(store.path / "sensitivity", writable=True), ways(plan), []
    for run in with_codes(plan, store):
        for evaluation in range(EVALUATIONS):
            identity = _identity(run, evaluation)
            records = cell_records(sensitivity_store.run(identity))
            lacking = [w.cell for w in all_ways if w.evaluation == evaluation and w.cell.key not in records]
            if lacking:
                read = partial(_stored, identity, run, store.path)
                todo.append(Scoring((identity,), f"{run}, evaluation {evaluation + 1}", tuple(lacking), read))
    if todo:
        with Meter("sensitivity", sum(len(scoring.cells) for scoring in todo), "scores") as meter:
            score_all(todo, sensitivity_store, pool, plan.protocol.timeout, meter.advance)


def scores_again(plan: Plan, store: Store) -> "pd.DataFrame":
    """A row for each run, way and headline score: run, dataset, model, value, seed, choice, level, name, score."""
    import pandas as pd

    sensitivity_store, all_ways, rows = Store(store.path / "sensitivity"), ways(plan), []
    for run in with_codes(plan, store):
        records = [cell_records(sensitivity_store.run(_identity(run, k))) for k in range(EVALUATIONS)]
        of_run = {"run": run.id, "dataset": run.dataset, "model": run.model, "value": run.value, "seed": run.seed}
        for way in all_ways:
            headline = declaration(way.cell.metric).headline
            values = records[way.evaluation].get(way.cell.key, {}).get("values", {})
            if headline in values:
                of_way = {"choice": way.choice, "level": way.level, "name": headline, "score": values[headline]}
                rows.append(of_run | of_way)
    columns = ["run", "dataset", "model", "value", "seed", "choice", "level", "name", "score"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float, "score": float})


def with_codes(plan: Plan, store: Store) -> list[Run]:
    """The runs of a study whose codes are stored and whose data set is in place."""
    here = [run for run in plan.runs if data.is_here(run.dataset, run.dataset_version)]
    ready = {d: data.state(d) == "ready" for d in dict.fromkeys(run.dataset for run in here)}
    rows = {d: len(coding.pool(data.load_data(d), plan.protocol.pool)) for d, is_ready in ready.items() if is_ready}
    return [r for r in here if r.dataset in rows and store.run(r.id).codes(rows[r.dataset]).exists()]


def _identity(run: Run, evaluation: int) -> str:
    return digest(["sensitivity", run.id, evaluation])


def _stored(identity: str, run: Run, path: Path, folders: Sequence[RunFolder], lacking: Sequence[Cell]) -> OfRun:
    """In a worker: the stored codes of a run, and the factors of the images.

    Raises:
        StoreError: they cannot be read.
    """
    images = data.load_data(run.dataset)
    index = coding.pool(images, lacking[0].pool)
    store = Store(path)
    codes = coding.load(store.run(run.id), index)
    if codes is None:
        command = store.command("score")
        raise StoreError(f"the stored codes of {run} cannot be read: {command}, with its study, makes them again")
    codes_with_values = dataclasses.replace(codes, values=images.values(codes.index))
    return OfRun(identity, codes_with_values, images.factors(codes.index))


def choices(names: Iterable[str]) -> list[str]:
    """Choices in the order in which they are shown."""
    known = ("evaluation seed", "rows", "bins", "codes")
    return [choice for choice in known if choice in set(names)]
