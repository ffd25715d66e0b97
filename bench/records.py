"""The records in runs' folders as columns: a row for each score, and one for each cell that was skipped or failed.

What repeats (a run's description, a cell's) is kept once and repeated at the end, so 12,600 runs of 120 scores are
read in seconds.
"""

import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from bench import data
from bench.columns import COLUMNS, OF_CELL, OF_RUN, OUTCOME, arrow_schema
from bench.store import Listing, Store

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = COLUMNS | OUTCOME
TRAINING = "training"  # the metric, and the cell, of scores that come from a run's losses
TRAINING_VERSION = 1
LAST = 0.2  # the share of training that its final losses are means over


@dataclass(frozen=True)
class Damage:
    """A record that cannot be read."""

    run: str
    name: str
    fault: str


def read_records(store: Store, listings: Iterable[Listing]) -> tuple["pa.Table", list[Damage]]:
    """The rows of runs, and which of their records cannot be read (the others count).

    Returns:
        A table of the columns of the score table and of `columns.OUTCOME`; the damaged files.
    """
    rows, damaged = _Rows(), list[Damage]()
    for listing in listings:
        parsed = {name: _parsed(store, listing.run, name, size, damaged) for name, size, _ in listing.records}
        run, training, final = (parsed.pop(name, None) for name in ("config.json", "done.json", "losses.csv"))
        if run is not None:
            trained = [_training_cell(run, *final)] if training and final else []
            try:
                rows.add(run | (training or {}), _best(cells for cells in parsed.values() if cells) + trained)
            except (LookupError, ValueError) as fault:  # of a data set or factor that does not exist
                told = f"cannot place the scores of {listing.run}: {type(fault).__name__}: {fault}"
                damaged += [Damage(listing.run, name, told) for name in parsed]
    return rows.table(), damaged


def _parsed(store: Store, run: str, name: str, size: int, damaged: list[Damage]) -> Any:
    """What a record says; None where it cannot be read, which is noted."""
    path = store.record(run, name)
    try:
        return PARSERS.get(name, _described_cells)(_bytes(path, size))
    except (OSError, LookupError, TypeError, AttributeError, ValueError) as fault:
        damaged.append(Damage(run, name, f"cannot read {path}: {type(fault).__name__}: {fault}"))
    return None


def _bytes(path: str, size: int) -> bytes:
    """A file whole; in one call where it has the size that its folder told: half of a file object's time."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        text = os.read(file, size + 1)
    finally:
        os.close(file)
    return text if len(text) == size else Path(path).read_bytes()


def _described_run(text: bytes) -> dict[str, Any]:
    config = orjson.loads(text)
    return {
        "run": config["id"],
        "model": config["model"]["name"],
        "strength": config["strength"],
        "value": config["value"],
        "seed": config["seed"],
        "dataset": config["dataset"]["name"],
        "schedule": config["schedule_label"],
        "batch_size": config.get("schedule", {}).get("batch_size", 0),
    }


def _described_training(text: bytes) -> dict[str, Any]:
    done = orjson.loads(text)
    return {
        "device": done["device"],
        "train_seconds": done["seconds"] / done.get("fleet", 1),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(done["versions"].items())),
        "revision": done.get("revision"),
    }


def _final_losses(text: bytes) -> tuple[float, float, int]:
    """Mean reconstruction and KL over the logged steps of the last fifth of training, and how many those are."""
    head, *lines = text.decode().splitlines()
    names, step = head.split(","), 0
    last: list[list[str]] = []
    if not lines:
        raise ValueError("it holds no losses")
    while lines and (not last or int(lines[-1].partition(",")[0]) > (1 - LAST) * step):
        last.append(lines.pop().split(","))
        step = step or int(last[0][0])
    reconstruction, kl = (sum(float(row[names.index(n)]) for row in last) / len(last) for n in ("reconstruction", "kl"))
    return reconstruction, kl, len(last)


PARSERS = {"config.json": _described_run, "done.json": _described_training, "losses.csv": _final_losses}


def _training_cell(run: Mapping[str, Any], reconstruction: float, kl: float, logged: int) -> tuple[Any, ...]:
    """The end of a run's losses as a cell of scores: nats an image, lower is better; the ELBO is minus their sum.

    A model without a KL (NaN) has its reconstruction alone.
    """
    ends = {"reconstruction": reconstruction, "kl": kl, "elbo": -(reconstruction + kl)}
    values = {name: value for name, value in ends.items() if value == value}
    size = logged * run["batch_size"]
    return (
        (TRAINING, None, TRAINING_VERSION, TRAINING, size, 0, "done", None, tuple(values)),
        0.0,
        list(values.values()),
    )


def _described_cells(text: bytes) -> dict[str, tuple[Any, ...]]:
    """Cell key -> (what repeats from run to run, seconds, values)."""
    cells, none = {}, dict[str, Any]()
    for record in orjson.loads(text)["cells"]:
        values, rows, key = record.get("values", none), record.get("rows", none), record["key"]
        state = "skipped" if "skipped" in record else "failed" if "failed" in record else "done"
        sizes = rows.get("num_train", rows.get("num_points", 0)), rows.get("num_test", 0)
        kept = record["metric"], record["representation"], record["version"], key
        repeated = (*kept, *sizes, state, record.get(state), tuple(values))
        cells[key] = repeated, record["seconds"], [*map(float, values.values())]
    return cells


def _best(files: Iterable[Mapping[str, tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Each cell once, in an order that does not depend on the files; one that succeeded outweighs one that failed."""
    best: dict[str, tuple[Any, ...]] = {}
    for cells in files:
        for key, cell in cells.items():
            if key not in best or best[key][0][6] == "failed":
                best[key] = cell
    return sorted(best.values(), key=lambda cell: cell[0][:4])


@dataclass
class _Rows:
    """Grows by runs; what repeats is kept once."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    blocks: dict[tuple[Any, ...], int] = field(default_factory=dict)
    heads: list[dict[str, Any]] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    of_block: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, run: dict[str, Any], cells: Sequence[tuple[Any, ...]]) -> None:
        blocks = [self._block(run["dataset"], head) for head, _, _ in cells]  # raises before anything is added
        self.runs.append(run)
        self.cells.append(len(cells))
        self.of_block += blocks
        self.seconds += [seconds for _, seconds, _ in cells]
        rows = [values or [np.nan] for _, _, values in cells]
        self.lengths += map(len, rows)
        self.values.extend(chain.from_iterable(rows))

    def _block(self, dataset: str, head: tuple[Any, ...]) -> int:
        """The number of a cell's description, which most runs of a data set share."""
        known = self.blocks.get((dataset, head))
        if known is None:
            rows = _described_rows(dataset, head)
            self.first.append(len(self.heads))
            self.heads += rows
            known = self.blocks[dataset, head] = len(self.blocks)
        return known

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


def _described_rows(dataset: str, head: tuple[Any, ...]) -> list[dict[str, Any]]:
    metric, representation, version, cell, num_train, num_test, state, reason, names = head
    shared = {
        "metric": metric, "representation": representation, "version": version, "cell": cell,
        "num_train": num_train, "num_test": num_test, "state": state, "reason": reason,
    }  # fmt: skip
    if not names:
        return [shared]
    parts = [name.partition("/") for name in names]
    factors = [data.factor_name(dataset, int(factor)) if factor else None for _, _, factor in parts]
    return [shared | {"name": stem, "factor": factor} for (stem, _, _), factor in zip(parts, factors, strict=True)]


def _repeated(names: Iterable[str], rows: list[dict[str, Any]], index: np.ndarray) -> dict[str, Any]:
    """Columns of few distinct rows, repeated as `index` says."""
    return {
        field.name: _taken([row.get(field.name) for row in rows], field.type, index)
        for field in arrow_schema({name: SCHEMA[name] for name in names})
    }


def _taken(values: list[Any], kind: "pa.DataType", index: np.ndarray) -> "pa.Array":
    """`pa.array(values, kind).take(index)`; numpy's large arrays cost far less to come by than Arrow's."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        few = pa.array(values, kind.value_type).dictionary_encode()
        return pa.DictionaryArray.from_arrays(_taken(few.indices.to_pylist(), kind.index_type, index), few.dictionary)
    missing = np.array([value is None for value in values])
    few = pa.array(values, kind).fill_null(0).to_numpy()
    return pa.array(few[index], mask=missing[index] if missing.any() else None)
