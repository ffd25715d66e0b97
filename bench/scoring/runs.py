"""The scoring stage: every metric on every representation of a run, from codes computed once.

A *cell* is one (metric, representation) under one protocol for one run, or for a group of runs. Its rows and its seed
depend on the run or group, the metric and its version alone, so that adding a metric changes no other number.
"""

import dataclasses
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from bench import registry
from bench.metrics.base import OF_CODES, Floats, Ints, Metric, SkippedError
from bench.progress import say_once
from bench.scoring.returned import checked
from bench.store.files import StoreError, digest, generator_of
from bench.store.folders import RunFolder
from bench.store.record_types import ScoresRecord, read_record
from bench.study.protocol import Protocol
from bench.values import counted

Flags = NDArray[np.bool_]
PUBLISHED = Protocol("published", None, None, None, None, ("mean",), (), {})
SIZES = {"points": ("num_points",), "split": ("num_train", "num_test"), "all": (), "model": ("num_points",)}
OTHERWISE = {  # why codes alone do not suffice for a metric
    "group": "compares the codes of runs that differ in their seed alone; these are codes of one",
    "model": "needs a trained model; these are codes without one",
}
HELD_OUT = "held_out"  # mean codes of images that training never draws
LONGEST = 2_000  # letters of a failure's message


@dataclass(frozen=True)
class Cell:
    """One metric on one representation under a protocol: what is computed, and the key that it is stored under."""

    metric: str
    version: int
    representation: str
    sizes: Mapping[str, int]
    options: Mapping[str, Any]
    pool: int | None

    @property
    def content(self) -> dict[str, Any] | list[Any]:
        """The content that the key is a hash of: all fields."""
        return dataclasses.asdict(self)

    @cached_property
    def key(self) -> str:
        """Twelve hex digits: a hash of the content."""
        return digest(self.content)


@dataclass(frozen=True)
class GroupCell(Cell):
    """One metric on the mean codes of runs that differ in their seed alone.

    Attributes:
        group: ids of the runs that are compared, in alphabetical order.
    """

    group: tuple[str, ...]

    @property
    def content(self) -> list[Any]:
        """As above, without sizes, which the metric's version declares."""
        options = [dict(self.options)] if self.options else []
        return [self.metric, self.version, self.pool, list(self.group), *options]


def declaration(metric: str) -> Metric:
    """The declaration of a registered metric."""
    declared: Metric = registry.load("metrics", metric).metric
    return declared


def cells(metrics: Iterable[str], protocol: Protocol) -> list[Cell]:
    """The cells of every single run under a protocol; `groups.group_cells` has those of groups."""
    single_run = [declared for declared in map(declaration, metrics) if declared.reads != "group"]
    return [cell_of(declared, kind, protocol) for declared in single_run for kind in _kinds(declared, protocol)]


def _kinds(declared: Metric, protocol: Protocol) -> list[str]:
    """The representations to score, perhaps with `HELD_OUT`; a metric of models has no others but "mean"."""
    held_out = (HELD_OUT,) if declared.name in protocol.also_held_out else ()
    if declared.reads not in OF_CODES:
        return ["mean", *held_out]
    sampled = ("sampled",) if declared.name in protocol.also_sampled else ()
    return list(dict.fromkeys((*protocol.representations, *sampled, *held_out)))


def cell_of(declared: Metric, kind: str, protocol: Protocol) -> Cell:
    """The cell of a metric that reads one run, on a representation."""
    sizes = {s: getattr(protocol, s) or getattr(declared, s) for s in SIZES.get(declared.reads, ())}
    options = protocol.options.get(declared.name, {})
    return Cell(declared.name, declared.version, kind, sizes, options, protocol.images(declared.name))


def by_pool(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells that read the same number of encoded images, together."""
    pools: dict[int | None, list[Cell]] = {}
    for cell in cells:
        pools.setdefault(cell.pool, []).append(cell)
    return list(pools.values())


class Subject(Interface):
    """A run or a group that cells are computed for; see `bench.scoring.subjects`.

    Attributes:
        runs: the ids of the runs whose scores these are.
    """

    @property
    def runs(self) -> Sequence[str]: ...

    def evaluate(self, cell: Cell) -> tuple[Sequence[dict[str, float]], dict[str, int]]:
        """The values of each run, and the numbers of rows they rest on; raises the exceptions of the metric."""


def evaluate(
    cell: Cell,
    codes: Floats,
    factors: Ints | None,
    identity: str,
    values: Floats | None = None,
    held_out: Flags | None = None,
) -> tuple[dict[str, float], dict[str, int]]:
    """The values of one cell and the numbers of rows they rest on.

    Args:
        cell: what to compute.
        codes: (N, D).
        factors: (N, F), or None.
        identity: id of the run; with the metric and its version it seeds every random choice.
        values: (N, F) numeric values of the factors; None: their classes.
        held_out: (N,) images to score; the metric fits to the others. None: it does both with all.

    Raises:
        SkippedError: the metric needs more than codes, more factors than there are, or itself says that it does not
            apply.
        ScoreError: it returned something that it does not declare.
    """
    returned, rows = compute(cell, codes, factors, identity, values, held_out)
    return checked(declaration(cell.metric), returned, 0 if factors is None else factors.shape[1]), rows


def compute(
    cell: Cell,
    codes: Floats,
    factors: Ints | None,
    identity: str,
    values: Floats | None = None,
    held_out: Flags | None = None,
) -> tuple[Any, dict[str, int]]:
    """The unchecked result of a cell's metric, and the numbers of rows that it got; see `evaluate`."""
    declared = declaration(cell.metric)
    if declared.reads not in OF_CODES:
        raise SkippedError(f"{cell.metric} {OTHERWISE[declared.reads]}")
    check_width(declared, codes.shape[1])
    rows = rows_of(cell, declared, len(codes), identity, held_out)
    num_varying = 0 if factors is None else int((np.ptp(factors[next(iter(rows.values()))], axis=0) > 0).sum())
    if num_varying < declared.min_factors:
        needed = f"{counted(declared.min_factors, 'factor')} of two values or more"
        raise SkippedError(f"{cell.metric} needs at least {needed}, got {num_varying}")
    factor_values, keywords = factors if values is None else values, {}
    if declared.reads_values and factor_values is not None:  # for a split, the values of both parts
        parts = tuple(np.asarray(factor_values[r], np.float64) for r in rows.values())
        keywords["values"] = parts[0] if len(parts) == 1 else parts
    arguments = [a[r] for r in rows.values() for a in (codes, factors) if a is not None and _wants(declared, a, codes)]
    return called(cell, arguments, identity, **keywords), {n: len(r) for n, r in rows.items()}


def check_width(declared: Metric, dims: int) -> None:
    """Check that codes are not too wide for a metric.

    Raises:
        SkippedError: they are; the message names the bound.
    """
    if dims > declared.widest:
        bound = f"{declared.name} takes codes of {declared.widest:,} dims at most, got {dims:,}"
        raise SkippedError(f"{bound}: reduce them, such as to their principal components")


def called(cell: Cell, arguments: Sequence[Any], identity: str | Sequence[str], **keywords: Any) -> Any:
    """The result of a cell's metric for its arguments, the protocol's options and, if it takes one, a seed."""
    function = registry.load("metrics", cell.metric)
    if function.metric.seeded:
        keywords["seed"] = int(digest([identity, cell.metric, cell.version], 8), 16)
    with np.errstate(), warnings.catch_warnings():  # settings that it changes do not reach the next metric
        return function(*arguments, **cell.options, **keywords)


def _wants(declared: Metric, array: Any, codes: Floats) -> bool:
    return array is codes or declared.min_factors > 0


def rows_of(cell: Cell, declared: Metric, total: int, identity: str, held_out: Flags | None = None) -> dict[str, Any]:
    """The rows that a metric reads; if there are too few, train and test shrink in proportion."""
    order = generator_of([identity, "rows"]).permutation(total)
    train_order = test_order = order
    if held_out is not None:
        train_order, test_order = order[~held_out[order]], order[held_out[order]]
    if declared.reads == "all":
        return {"num_points": np.sort(test_order)}
    if declared.reads == "points":
        return {"num_points": test_order[: cell.sizes["num_points"]]}
    train, test = cell.sizes["num_train"], cell.sizes["num_test"]
    if held_out is not None:
        return {"num_train": train_order[:train], "num_test": test_order[:test]}
    if train + test > total:
        train = max(1, round(total * train / (train + test)))
        test = total - train
    return {"num_train": order[:train], "num_test": order[train : train + test]}


def records_of(cell: Cell, subject: Subject) -> list[dict[str, Any]]:
    """Compute one cell: for each run a record of its values and rows, of why it was skipped, or of how it failed.

    Every exception of a metric is caught, SystemExit and KeyboardInterrupt too: workers call this, which ctrl-C does
    not reach.
    """
    started = time.perf_counter()
    try:
        values, rows = subject.evaluate(cell)
        outcomes: list[dict[str, Any]] = [{"values": of_run, "rows": rows} for of_run in values]
    except SkippedError as reason:
        outcomes = [{"skipped": _text(str(reason) or f"{cell.metric} does not apply")}] * len(subject.runs)
    except BaseException as fault:
        outcomes = [failure(fault)] * len(subject.runs)
    seconds = round((time.perf_counter() - started) / len(subject.runs), 4)  # a group's, divided among its runs
    return [described(cell) | outcome | {"seconds": seconds} for outcome in outcomes]


def described(cell: Cell) -> dict[str, Any]:
    """The fields of a record that describe the cell itself."""
    return dataclasses.asdict(cell) | {"key": cell.key}


def failure(fault: BaseException) -> dict[str, str]:
    """The fields of a record that describe an exception."""
    try:
        words = f"{type(fault).__name__}: {fault}"
    except Exception:
        words = f"{type(fault).__name__}, which cannot be written"
    trace = "".join(traceback.format_exception(fault))
    return {"failed": _text(words[:LONGEST]), "traceback": _text(trace[-10 * LONGEST :])}


def _text(text: str) -> str:
    """Text without surrogates, which cannot be encoded."""
    return text.encode(errors="backslashreplace").decode()


def cell_records(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Cell key -> record, of every computed cell; a successful record wins over a failed one.

    A file that cannot be read is reported and ignored.
    """
    records: dict[str, dict[str, Any]] = {}
    for path in folder.score_files():
        try:
            records_in_file = read_record(path, ScoresRecord)["cells"]
        except StoreError as fault:
            say_once(str(fault))
            continue
        for record in records_in_file:
            if "failed" in records.get(record["key"], {"failed": ""}):
                records[record["key"]] = dict(record)
    return records


def state(record: dict[str, Any] | None) -> str:
    """ "done", "skipped", "failed", or "missing" if there is no record."""
    if record is None:
        return "missing"
    return next((s for s in ("skipped", "failed") if s in record), "done")
