"""Floors: the scores that every metric gives to codes without information, under a study's protocol and factors.

There are four such codes (`bench.scoring.floor_codes`), of as many dimensions as the study's schedule gives its models:
Gaussian noise, noise of Student's t with three degrees of freedom, a constant, and a collapsed code, which has mean 0
and deviation 0.01. A score has a meaning as far as it is above its floor. Codes of another width have other floors;
sampled codes of a model that encodes nothing are the prior's, so Gaussian noise is theirs.

A floor is stored under the id of its codes and factors and the key of its cell (metric, version, sample sizes,
options): it is computed once, and again after one of them changed. `floors/` of a store is itself a store, whose runs
are those codes, so that a metric that fails or hangs loses only its own floor.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench import data
from bench.metrics.base import OF_CODES
from bench.pool import Pool
from bench.progress import Meter, say
from bench.scoring import codes as coding
from bench.scoring.codes import Codes
from bench.scoring.floor_codes import DIMS, KINDS, VERSION, floor_codes
from bench.scoring.isolation import Scoring, score_all
from bench.scoring.runs import OTHERWISE, Cell, cell_records, cells, declaration, state
from bench.scoring.subjects import OfRun
from bench.store.files import digest
from bench.store.folders import RunFolder, Store
from bench.study.plan import Plan


@dataclass(frozen=True)
class Floors:
    """Floors of one data set.

    Attributes:
        values: kind of codes -> score name -> floor, of all factors together.
        reasons: metric without a floor -> why it has none.
        dims: of the codes.
    """

    values: Mapping[str, Mapping[str, float]]
    reasons: Mapping[str, str]
    dims: int = DIMS


def identity(kind: str, dataset: str, dims: int = DIMS) -> str:
    """The run id of a kind of codes on a data set."""
    return digest({"floor": kind, "version": VERSION, "dims": dims, "dataset": [dataset, data.card(dataset).version]})


def make_floors(plan: Plan, store: Store, pool: Pool) -> None:
    """Compute the missing floors of a study's metrics, under its protocol and on its data sets.

    Raises:
        StoreError: a file cannot be written.
    """
    floor_store, dims = _store(store, writable=True), _dims(plan)
    all_cells, todo = _cells(plan)[0], []
    for dataset in _datasets(plan):
        if data.state(dataset) != "ready":
            say(f"floors: {dataset} is {data.state(dataset)}: `python -m bench data dataset={dataset}`")
            continue
        for kind in KINDS:
            run = identity(kind, dataset, dims)
            records = cell_records(floor_store.run(run))
            lacking = [cell for cell in all_cells if state(records.get(cell.key)) in ("missing", "failed")]
            if lacking:
                title = f"floor of {dataset}: {KINDS[kind]}"
                todo.append(Scoring((run,), title, tuple(lacking), partial(_read, run, kind, dims, dataset)))
    if not todo:
        return say("floors: nothing is missing")
    with Meter("floors", sum(len(scoring.cells) for scoring in todo), "scores") as meter:
        score_all(todo, floor_store, pool, plan.protocol.timeout, meter.advance)


def floors_of(plan: Plan, store: Store) -> dict[str, Floors]:
    """Data set -> its floors, and the reasons for missing ones."""
    floor_store, dims, (all_cells, reasons_of_metrics) = _store(store), _dims(plan), _cells(plan)
    floors = {}
    for dataset in _datasets(plan):
        values: dict[str, dict[str, float]] = {}
        reasons = dict(reasons_of_metrics)
        for kind in KINDS:
            records = cell_records(floor_store.run(identity(kind, dataset, dims)))
            for cell in all_cells:
                record = records.get(cell.key)
                if record is not None and "values" in record:
                    values.setdefault(kind, {}).update({n: v for n, v in record["values"].items() if "/" not in n})
                else:
                    reasons[cell.metric] = _reason(record, plan)
        floors[dataset] = Floors(values, reasons, dims)
    return floors


def _reason(record: Mapping[str, str] | None, plan: Plan) -> str:
    if record is None:
        return f"not computed: python -m bench floors study={plan.name}"
    return record.get("skipped") or record["failed"]


def _store(store: Store, writable: bool = False) -> Store:
    return Store(store.path / "floors", writable=writable)


def _dims(plan: Plan) -> int:
    """Of the codes of its trained models; a study of codes from elsewhere alone has those of ten."""
    return DIMS if plan.schedule is None else plan.schedule.latent_dim


def _datasets(plan: Plan) -> list[str]:
    """Data sets that are here in a version that the plan has runs of; a custom one has no card."""
    members = dict.fromkeys((member.dataset, member.dataset_version) for member in plan.members)
    cards = {dataset: data.card_if_here(dataset) for dataset, _ in members}
    return [d for d, card in cards.items() if card is not None and (d, card.version) in members]


def _cells(plan: Plan) -> tuple[list[Cell], dict[str, str]]:
    """The cells of mean codes that have a floor, and metric -> why it has none."""
    protocol = dataclasses.replace(plan.protocol, representations=("mean",), also_sampled=(), also_held_out=())
    reads = {name: declaration(name).reads for name in plan.metrics}
    reasons = {name: f"{name} {OTHERWISE[kind]}" for name, kind in reads.items() if kind not in OF_CODES}
    return cells([name for name in plan.metrics if name not in reasons], protocol), reasons


def _read(run: str, kind: str, dims: int, dataset: str, folders: Sequence[RunFolder], lacking: Sequence[Cell]) -> OfRun:
    """In a worker: codes of a kind with the factors of the images that runs are scored on."""
    images = data.load_data(dataset)
    index = coding.pool(images, lacking[0].pool)
    codes = Codes(floor_codes(kind, len(index), dims).astype(np.float32), None, index, images.values(index))
    return OfRun(run, codes, images.factors(index))
