"""Scores of the same stored codes, evaluated in other ways: other bins, fewer rows, other draws, sampled codes.

Each way differs from the study's protocol in one choice. As with floors, the scores are kept in a store of their own,
`sensitivity/`, whose runs are (run, evaluation): what is there is not computed again. Nothing is trained or encoded.
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
SHARES = (0.25, 0.5)  # of the rows that the protocol reads
EVALUATIONS = 3  # with draws of their own; the first is what other choices are compared with
SIZES = ("num_train", "num_test", "num_variance")  # options that are numbers of rows or of votes


@dataclass(frozen=True)
class Way:
    """One way of evaluating: `choice` is what differs from the protocol ("" nothing), `level` how."""

    choice: str
    level: str
    evaluation: int
    cell: Cell


def ways(plan: Plan) -> list[Way]:
    """Every way of evaluating the headline scores of a study's metrics."""
    protocol = dataclasses.replace(plan.protocol, representations=("mean",), also_sampled=(), also_held_out=())
    every = {name: declaration(name) for name in plan.metrics}
    names = [name for name, declared in every.items() if declared.headline and declared.reads in OF_CODES]
    found = []
    for cell in cells(names, protocol):
        found.append(Way("", "protocol", 0, cell))
        found += [Way("evaluation seed", f"draw {k}", k, cell) for k in range(1, EVALUATIONS)]
        found += [Way(*way, 0, other) for way, other in _others(cell)]
    return found


def _others(cell: Cell) -> Iterator[tuple[tuple[str, str], Cell]]:
    function = registry.load("metrics", cell.metric)
    parameters = inspect.signature(function).parameters
    if "num_bins" in parameters:
        used = {"num_bins": parameters["num_bins"].default} | dict(cell.options)
        for bins in BINS:
            if bins != used["num_bins"]:
                yield ("bins", f"{bins} bins"), _with_options(cell, num_bins=bins)
    for share in SHARES:
        sizes = {name: max(2, round(size * share)) for name, size in cell.sizes.items()}
        given = {n: p.default for n, p in parameters.items() if n in SIZES} | dict(cell.options)
        options = {name: max(2, round(given[name] * share)) for name in SIZES if name in given}
        yield ("rows", f"{share:.0%} of the rows"), _with_options(dataclasses.replace(cell, sizes=sizes), **options)
    yield ("codes", "sampled codes"), dataclasses.replace(cell, representation="sampled")


def _with_options(cell: Cell, **options: Any) -> Cell:
    return dataclasses.replace(cell, options=dict(cell.options) | options)


def evaluate_again(plan: Plan, store: Store, pool: Pool) -> None:
    """Compute the scores that are missing of the runs whose codes are stored.

    Raises:
        StoreError: a file cannot be written.
    """
    kept, every, todo = Store(store.path / "sensitivity", writable=True), ways(plan), []
    for run in with_codes(plan, store):
        for evaluation in range(EVALUATIONS):
            identity = _identity(run, evaluation)
            known = cell_records(kept.run(identity))
            lacking = [w.cell for w in every if w.evaluation == evaluation and w.cell.key not in known]
            if lacking:
                read = partial(_stored, identity, run, store.path)
                todo.append(Scoring((identity,), f"{run}, evaluation {evaluation + 1}", tuple(lacking), read))
    if todo:
        with Meter("sensitivity", sum(len(scoring.cells) for scoring in todo), "scores") as meter:
            score_all(todo, kept, pool, plan.protocol.timeout, meter.advance)


def scores_again(plan: Plan, store: Store) -> "pd.DataFrame":
    """A row for each run, way and headline score: run, dataset, model, value, seed, choice, level, name, score."""
    import pandas as pd

    kept, every, rows = Store(store.path / "sensitivity"), ways(plan), []
    for run in with_codes(plan, store):
        records = [cell_records(kept.run(_identity(run, k))) for k in range(EVALUATIONS)]
        of_run = {"run": run.id, "dataset": run.dataset, "model": run.model, "value": run.value, "seed": run.seed}
        for way in every:
            headline = declaration(way.cell.metric).headline
            values = records[way.evaluation].get(way.cell.key, {}).get("values", {})
            if headline in values:
                of_way = {"choice": way.choice, "level": way.level, "name": headline, "score": values[headline]}
                rows.append(of_run | of_way)
    columns = ["run", "dataset", "model", "value", "seed", "choice", "level", "name", "score"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float, "score": float})


def with_codes(plan: Plan, store: Store) -> list[Run]:
    """The runs of a study whose codes are stored, of data sets that are there."""
    ready = {d: data.state(d) == "ready" for d in {run.dataset for run in plan.runs}}
    rows = {d: len(coding.pool(data.load_data(d), plan.protocol.pool)) for d, there in ready.items() if there}
    return [r for r in plan.runs if r.dataset in rows and store.run(r.id).codes(rows[r.dataset]).exists()]


def _identity(run: Run, evaluation: int) -> str:
    return digest(["sensitivity", run.id, evaluation])


def _stored(identity: str, run: Run, path: Path, folders: Sequence[RunFolder], lacking: Sequence[Cell]) -> OfRun:
    """In a worker: the stored codes of a run, and the factors of the images.

    Raises:
        StoreError: they cannot be read.
    """
    images = data.load_data(run.dataset)
    index = coding.pool(images, lacking[0].pool)
    codes = coding.load(Store(path).run(run.id), index)
    if codes is None:
        raise StoreError(f"the stored codes of {run} cannot be read: python -m bench score makes them again")
    valued = dataclasses.replace(codes, values=images.values(codes.index))
    return OfRun(identity, valued, images.factors(codes.index))


def choices(names: Iterable[str]) -> list[str]:
    """Choices in the order in which they are shown."""
    known = ("evaluation seed", "rows", "bins", "codes")
    return [choice for choice in known if choice in set(names)]
