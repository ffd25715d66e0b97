"""The records in runs' folders as columns: a row for each score, and one for each cell that was skipped or failed.

Descriptions of runs and cells are stored once and repeated at the end, so 12,600 runs of 120 scores take seconds.
"""

import math
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from bench import data
from bench.columns import COLUMNS, OF_CELL, OF_RUN, OUTCOME, arrow_schema
from bench.progress import say_once
from bench.store.files import StoreError, is_out_of_reach, printable, read_whole
from bench.store.folders import Listing, Store
from bench.store.record_types import (
    REPRESENTATIONS,
    TRAINING,
    CellRecord,
    ConfigRecord,
    DoneRecord,
    FailedRecord,
    Line,
    ScoresRecord,
    checked,
    identity,
    parsed,
    read_record,
)
from bench.study.learner import swept
from bench.study.run import with_unusual

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = COLUMNS | OUTCOME
TRAINING_VERSION = 1
FINAL = ("training_reconstruction", "training_kl", "training_elbo")
LAST = 0.2  # last fraction of training over which losses are averaged
NUMBERS = frozenset((float, int))
FAULTS = (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError)  # of a malformed record

Cell = tuple[tuple[Any, ...], int, list[float]]  # description, its number; seconds, then the values
Factors = tuple[str, tuple[str, ...]]  # a data set, and the names of its factors when a run was scored, if recorded


@dataclass(frozen=True)
class Damage:
    """A damaged record, which is ignored, and why.

    Attributes:
        run: the name of its folder.
        name: of the file; "" is the folder itself.
        fault: what is wrong.
        unreadable: it cannot be accessed (no permission), so it may be whole: it is left alone.
    """

    run: str
    name: str
    fault: str
    unreadable: bool = False

    def __str__(self) -> str:
        return printable(f"run {self.run}: {self.fault}")


def read_records(store: Store, listings: Iterable[Listing]) -> tuple["pa.Table", list[Damage]]:
    """The rows of runs, and their damaged records, which are left out.

    A folder whose config.json describes another run than its name is no run and has no rows.

    Returns:
        A table of the columns of the score table and of `columns.OUTCOME`; the damaged files.
    """
    rows, damaged = _Rows(), list[Damage]()
    for listing in listings:
        damaged += [_damage(store, listing.run, name, fault) for name, fault in listing.faults]
        config, training, final = None, None, None
        files = list[dict[str, Cell]]()
        for name, size, _ in listing.records:
            path = store.record(listing.run, name)
            try:
                text = read_whole(path, size)
                if name == "config.json":
                    config = _described_run(text, listing.run)
                elif name == "done.json":
                    training = _described_training(text)
                elif name == "losses.csv":
                    final = _final_losses(text)
                elif name == "failed.json":
                    parsed(text, FailedRecord)
                elif config is not None:
                    files.append(_described_cells(text, config, rows))
            except FileNotFoundError:  # removed since it was listed
                continue
            except FAULTS as fault:
                damaged.append(_damage(store, listing.run, name, fault))
        if config is not None:
            trained = [_training_cell(config, rows, final)] if training and final else []
            rows.add(config | (training or {}), _best(files) + trained)
        elif listing.records and not any(name == "config.json" for name, *_ in (*listing.records, *listing.faults)):
            damaged.append(_damage(store, listing.run, "config.json", ValueError("there is none")))
    for name in sorted(rows.unknown):
        say_once(f"scores of the representation {name} in {store.path} are left out: this version does not know it")
    return rows.table(), damaged


def training_records(store: Store, runs: Iterable[str]) -> list[DoneRecord]:
    """The done.json of the runs that have one; one that cannot be read is reported."""
    records = list[DoneRecord]()
    for run in runs:
        path = store.run(run).done
        if os.path.exists(path):
            try:
                records.append(read_record(path, DoneRecord))
            except StoreError as fault:
                say_once(str(Damage(run, path.name, str(fault))))
    return records


def _damage(store: Store, run: str, name: str, fault: Exception) -> Damage:
    words = getattr(fault, "strerror", None) or str(fault)
    if not isinstance(fault, OSError | ValueError):
        words = f"{type(fault).__name__}: {words}"
    path = store.record(run, name) if name else store.record(run, "").rstrip("/")
    return Damage(run, name, f"cannot read {path}: {words}", is_out_of_reach(fault) or not name)


def _described_run(text: bytes, run: str) -> dict[str, Any]:
    config = parsed(text, ConfigRecord)
    if (actual := identity(config)) != run:
        raise ValueError(f"it is the run {actual}, not that of its folder: nothing in the folder counts")
    return {
        "run": run,
        "model": config["model"]["name"],
        "hyperparameter": config["hyperparameter"] if "hyperparameter" in config else _swept(config),
        "strength_index": config["strength"],
        "value": config["value"],
        "seed": config["seed"],
        "dataset": config["dataset"]["name"],
        "schedule": with_unusual(config["schedule_label"], config.get("schedule", {})),
        "batch_size": config.get("schedule", {}).get("batch_size", 0),
    }


def _swept(config: ConfigRecord) -> str | None:
    """The swept hyper-parameter of a run whose record lacks it: from the model's yaml; given codes sweep nothing."""
    return swept(config["model"]["name"]) if "schedule" in config and config["value"] is not None else None


def _described_training(text: bytes) -> dict[str, Any]:
    done = parsed(text, DoneRecord)
    return {
        "device": done["device"],
        "train_seconds": done["seconds"] / done.get("fleet", 1),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(done["versions"].items())),
        "revision": done.get("revision"),
    }


def _final_losses(text: bytes) -> tuple[float, float, int]:
    """Mean reconstruction and KL over the logged steps of the last fifth of training, and the number of these steps."""
    head, *lines = text.decode().splitlines()
    names, step = head.split(","), 0
    last: list[list[str]] = []
    if not lines:
        raise ValueError("it holds no losses")
    if text.count(b",") != (len(names) - 1) * (1 + len(lines)):
        raise ValueError("its lines are not equally long")
    while lines and (not last or int(lines[-1].partition(",")[0]) > (1 - LAST) * step):
        last.append(lines.pop().split(","))
        step = step or int(last[0][0])
    reconstruction, kl = (sum(float(row[names.index(n)]) for row in last) / len(last) for n in ("reconstruction", "kl"))
    if not math.isfinite(reconstruction) or math.isinf(kl):
        raise ValueError(f"it ends with a reconstruction of {reconstruction} and a KL of {kl}")
    return reconstruction, kl, len(last)


def _training_cell(run: Mapping[str, Any], rows: "_Rows", final: tuple[float, float, int]) -> Cell:
    """The final losses of a run as a cell of scores: nats an image, lower is better; the ELBO is minus their sum.

    A model without a KL (NaN) has only the reconstruction.
    """
    reconstruction, kl, logged = final
    ends = dict(zip(FINAL, (reconstruction, kl, -(reconstruction + kl)), strict=True))
    values = {name: value for name, value in ends.items() if value == value}
    size = logged * run["batch_size"]
    head = (TRAINING, None, TRAINING_VERSION, TRAINING, size, 0, "done", None, tuple(values))
    return head, rows.block((run["dataset"], ()), head), [0.0, *values.values()]


def _described_cells(text: bytes, run: Mapping[str, Any], rows: "_Rows") -> dict[str, Cell]:
    """Cell key -> cell. A description is checked when it is new; numbers are checked by type alone, for speed."""
    content = orjson.loads(text)
    try:
        cells = _cells(content, run, rows)
    except FAULTS:
        checked(content, ScoresRecord)  # raises a clearer error, unless a factor is wrong
        raise
    return cells


def _cells(content: ScoresRecord, run: Mapping[str, Any], rows: "_Rows") -> dict[str, Cell]:
    cells, none, unknown = {}, dict[str, Any](), list[str]()
    if content.get("run", run["run"]) != run["run"]:
        raise ValueError(f"it holds scores of the run {content['run']}")
    factors = content.get("factors", [])
    described_by = run["dataset"], tuple(factors)
    if described_by not in rows.blocks:
        checked(factors, list[Line])
    blocks = rows.blocks.setdefault(described_by, {})
    for record in content["cells"]:
        key, version = record["key"], record["version"]
        values, sizes = record.get("values", none), record.get("rows", none)
        state = "skipped" if "skipped" in record else "failed" if "failed" in record or not values else "done"
        reason = None if state == "done" else record.get(state, "it gave no scores")
        num_train, num_test = sizes.get("num_train", sizes.get("num_points", 0)), sizes.get("num_test", 0)
        identity_fields = record["metric"], record["representation"], version, key
        head = (*identity_fields, num_train, num_test, state, reason, tuple(values))
        block = blocks.get(head)
        if block is None:
            checked(record, CellRecord)
            if record["representation"] not in REPRESENTATIONS:
                unknown.append(record["representation"])
                continue
            block = rows.block(described_by, head)
        numbers = [record["seconds"], *values.values()]
        if not (type(version) is type(num_train) is type(num_test) is int and NUMBERS.issuperset(map(type, numbers))):
            raise ValueError(f"cell {key} holds something else than numbers")
        cells[key] = head, block, numbers
    if len(cells) + len(unknown) < len(content["cells"]):
        raise ValueError("it holds a cell twice")
    rows.unknown |= {*unknown}
    return cells


def _best(files: Iterable[Mapping[str, Cell]]) -> list[Cell]:
    """Each cell once, in an order that does not depend on the files; a success takes precedence over a failure."""
    best: dict[str, Cell] = {}
    for cells in files:
        for key, cell in cells.items():
            if key not in best or best[key][0][6] == "failed":
                best[key] = cell
    return sorted(best.values(), key=itemgetter(0))  # its first four differ: the key is among them


@dataclass
class _Rows:
    """Collects runs; descriptions of runs and cells are stored once."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    blocks: dict[Factors, dict[tuple[Any, ...], int]] = field(default_factory=dict)
    heads: list[dict[str, Any]] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    of_block: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)  # representations that this version does not know
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, run: dict[str, Any], cells: Sequence[Cell]) -> None:
        self.runs.append(run)
        self.cells.append(len(cells))
        self.of_block += [block for _, block, _ in cells]
        self.seconds += [numbers[0] for _, _, numbers in cells]
        rows = [numbers[1:] or [np.nan] for _, _, numbers in cells]
        self.lengths += map(len, rows)
        self.values.extend(chain.from_iterable(rows))

    def block(self, factors: Factors, head: tuple[Any, ...]) -> int:
        """The number of a cell's description, which most runs of a data set share.

        Raises:
            ValueError: a factor does not exist; nothing is added.
        """
        number_of = self.blocks.setdefault(factors, {})
        if head not in number_of:
            rows = _described_rows(factors, head)
            number_of[head] = len(self.first)
            self.first.append(len(self.heads))
            self.heads += rows
        return number_of[head]

    def table(self) -> "pa.Table":
        import pyarrow as pa

        lengths = np.array(self.lengths, dtype=np.int64)
        first = np.array(self.first, dtype=np.int64)[np.array(self.of_block, dtype=np.int64)]
        of_run = np.repeat(np.arange(len(self.runs)), np.array(self.cells, dtype=np.int64))
        head = np.repeat(first - (lengths.cumsum() - lengths), lengths)
        head += np.arange(len(head))  # each row of a cell has the next description
        columns = _repeated(OF_RUN, self.runs, np.repeat(of_run, lengths))
        columns |= _repeated(OF_CELL, self.heads, head)
        columns["score"] = pa.array(np.frombuffer(self.values))
        columns["seconds"] = pa.array(np.repeat(np.array(self.seconds, dtype=np.float64), lengths))
        return pa.table([columns[name] for name in SCHEMA], schema=arrow_schema(SCHEMA))


def _described_rows(factors: Factors, head: tuple[Any, ...]) -> list[dict[str, Any]]:
    metric, representation, version, cell, num_train, num_test, state, reason, names = head
    shared = {
        "metric": metric, "representation": representation, "version": version, "cell": cell,
        "num_train": num_train, "num_test": num_test, "state": state, "reason": reason,
    }  # fmt: skip
    if not names:
        return [shared]
    parts = [name.partition("/") for name in names]
    names_of_factors = [_factor(factors, int(factor)) if factor else None for _, _, factor in parts]
    return [shared | {"name": n, "factor": f} for (n, _, _), f in zip(parts, names_of_factors, strict=True)]


def _factor(factors: Factors, index: int) -> str:
    """The name of a factor: as recorded, else on the data set's card, else, if that is not here, its index."""
    dataset, recorded = factors
    names = recorded or data.factor_names(dataset)
    if names and index >= len(names):
        raise ValueError(f"{dataset} has no factor {index}")
    return names[index] if names else str(index)


def _repeated(names: Iterable[str], rows: list[dict[str, Any]], index: np.ndarray) -> dict[str, Any]:
    """Columns of few distinct rows, repeated by `index`."""
    return {
        field.name: _repeat([row.get(field.name) for row in rows], field.type, index)
        for field in arrow_schema({name: SCHEMA[name] for name in names})
    }


def _repeat(values: list[Any], kind: "pa.DataType", index: np.ndarray) -> "pa.Array":
    """`pa.array(values, kind).take(index)`; numpy allocates large arrays much faster than Arrow."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        few = pa.array(values, kind.value_type).dictionary_encode()
        return pa.DictionaryArray.from_arrays(_repeat(few.indices.to_pylist(), kind.index_type, index), few.dictionary)
    missing = np.array([value is None for value in values])
    few = pa.array(values, kind).fill_null(0).to_numpy()
    return pa.array(few[index], mask=missing[index] if missing.any() else None)
