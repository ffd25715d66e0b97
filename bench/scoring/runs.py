"""The scoring stage: every metric on every representation of a run, from codes computed once.

A *cell* is one (metric, representation) under one protocol for one run. It is computed from rows and a seed that
depend on the run, the metric and its version alone, so adding a metric changes no other number.
"""

import dataclasses
import inspect
import math
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bench import registry
from bench.metrics.base import Floats, Ints, Metric, Score, SkippedError, check_codes, check_factors
from bench.progress import say_once
from bench.scoring import codes as coding
from bench.store.files import StoreError, digest
from bench.store.folders import RunFolder
from bench.store.record_types import ScoresRecord, read_record
from bench.study.protocol import Protocol

PUBLISHED = Protocol("published", None, None, None, None, ("mean",), (), {})
ROUNDING = 1e-6  # by how much a score may leave its range, as a share of the bound where that is above 1
LONGEST = 2_000  # letters of a failure's message


class ScoreError(ValueError):
    """What a metric returned is no score of it; the message names the metric and what it returned."""


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


class Scores(dict[str, float]):
    """Score name -> value.

    Attributes:
        skipped: metric -> why it was left out.
    """

    skipped: dict[str, str]


def score(
    codes: "ArrayLike", factors: "ArrayLike | None" = None, metrics: "str | Sequence[str] | None" = None, seed: int = 0
) -> Scores:
    """Scores of a representation, under the published protocol as far as the rows go.

    Arrays may be lists, numpy arrays, frames, or arrays and tensors of any library and on any device. On a terminal a
    progress bar shows what is computed.

    Args:
        codes: (N, D) real numbers.
        factors: (N, F) the class of each factor: integers from 0, or floats that are whole numbers; a categorical
            column of a frame is taken by its codes. None: only metrics of codes alone apply.
        metrics: a name or several; None: every registered metric that applies.
        seed: of the metrics that draw random rows.

    Returns:
        Score name -> value, where "name/3" is the value for factor 3 alone; its `skipped` tells which metrics were left
        out, and why.

    Raises:
        ValueError: bad codes or factors, an unknown metric, or one asked for by name that does not apply.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).integers(0, 4, size=(1000, 2))
        >>> scores = score(factors.astype(float), factors, metrics="mig")
        >>> round(scores["mig"], 2)
        1.0
    """
    array = check_codes(codes, min_rows=2)
    classes = None if factors is None else check_factors(factors, len(array))
    known = registry.names("metrics")
    names = known if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        if name not in known:
            raise registry.unknown("metric", name, known)
    scores = Scores()
    faults = registry.faults("metrics") if metrics is None else {}
    scores.skipped = {name: str(fault) for name, fault in faults.items()}
    names = [name for name in names if name not in faults]
    with _shown(len(names)) as advance:
        for name in names:
            advance(0, name)
            try:
                scores |= evaluate(_cell(name, "mean", PUBLISHED), array, classes, f"seed {seed}")[0]
            except (SkippedError, ScoreError) as reason:
                if metrics is not None:
                    raise
                scores.skipped[name] = str(reason)
            advance(1, name)
    return scores


@contextmanager
def _shown(metrics: int) -> Iterator[Callable[[float, str], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    from bench.progress import Meter

    if not sys.stderr.isatty():
        yield lambda amount, note: None
        return
    with Meter("score", metrics, "metrics") as meter:
        yield meter.advance


def evaluate(
    cell: Cell, codes: Floats, factors: Ints | None, identity: str, values: Floats | None = None
) -> tuple[dict[str, float], dict[str, int]]:
    """The values of one cell and the numbers of rows they rest on.

    Args:
        cell: what to compute.
        codes: (N, D).
        factors: (N, F), or None.
        identity: whose codes these are; with the metric and its version it seeds every random choice.
        values: (N, F) what the factors are worth; None: their classes.

    Raises:
        SkippedError: the metric needs more factors than there are, or says itself that it does not apply.
        ScoreError: what it returned is no score of it.
    """
    returned, rows = compute(cell, codes, factors, identity, values)
    declared: Metric = registry.load("metrics", cell.metric).metric
    return _checked(declared, returned, 0 if factors is None else factors.shape[1]), rows


def compute(
    cell: Cell, codes: Floats, factors: Ints | None, identity: str, values: Floats | None = None
) -> tuple[Any, dict[str, int]]:
    """What the metric of a cell returns, as it is, and the numbers of rows it was given; see `evaluate`."""
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
    worth = factors if values is None else values
    if worth is not None and "values" in inspect.signature(function).parameters:  # of a split, those of both parts
        parts = tuple(np.asarray(worth[r], np.float64) for r in rows.values())
        options["values"] = parts[0] if len(parts) == 1 else parts
    arguments = [a[r] for r in rows.values() for a in (codes, factors) if a is not None and _wants(declared, a, codes)]
    with np.errstate(), warnings.catch_warnings():  # what it sets there is not for the next one
        return function(*arguments, **options), {n: len(r) for n, r in rows.items()}


def _checked(declared: Metric, values: Any, num_factors: int) -> dict[str, float]:
    """The scores that a metric returned, which can be written and read back.

    Raises:
        ScoreError: no dict of scores; a name that is not declared or not one of a factor; a value that is no finite
            number or out of its declared range.
    """
    if not isinstance(values, Mapping):
        raise ScoreError(f"{declared.name} returned {_short(values)}, not a dict of score names to numbers")
    if not values:
        raise ScoreError(f"{declared.name} returned no score; where it does not apply it is to raise SkippedError")
    scores = {}
    for name, value in values.items():
        score, number = _declaration(declared, name, num_factors), _number(value)
        if number is None or not math.isfinite(number):
            raise ScoreError(f"{declared.name} returned {name} = {_short(number or value)}, not a finite number")
        low, high = (bound + side * ROUNDING * max(1, abs(bound)) for bound, side in ((score.low, -1), (score.high, 1)))
        if not low <= number <= high:
            within = f"{score.low:g}..{score.high:g}"
            raise ScoreError(f"{declared.name} returned {name} = {number:g}, outside its declared range {within}")
        scores[str(name)] = number
    return scores


def _declaration(declared: Metric, name: Any, num_factors: int) -> Score:
    """The declaration behind a returned name."""
    match = re.fullmatch(r"[\w.-]+(?:/(0|[1-9]\d{0,8}))?", name, re.ASCII) if isinstance(name, str) else None
    if match is None:
        raise ScoreError(f"{declared.name} returned a score named {_short(name)}; a name is one it declares, or NAME/3")
    if match[1] is not None and int(match[1]) >= num_factors:
        raise ScoreError(f"{declared.name} returned {name!r}, and there are {num_factors} factors, counted from 0")
    try:
        return declared.score(name)
    except KeyError:
        known = ", ".join(declared.scores)
        raise ScoreError(f"{declared.name} returned {name!r}, which it does not declare; it declares {known}") from None


def _number(value: Any) -> float | None:
    """A number of Python, numpy or another library as a float; None: it is none."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:
        return None


def _short(value: Any) -> str:
    """A value as it is written in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}... ({type(value).__name__})"


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


def record_of(cell: Cell, codes: coding.Codes, factors: Ints, identity: str) -> dict[str, Any]:
    """Compute one cell: its values and the rows they rest on, or why it was skipped, or how it failed.

    Nothing that a metric raises leaves this function, not even what ends a process: a worker calls it, which ctrl-C
    does not reach.
    """
    record = described(cell)
    started = time.perf_counter()
    try:
        if cell.representation == "sampled" and codes.logvar is None:
            raise SkippedError("a deterministic code has no sampled representation")
        array = check_codes(codes.representation(cell.representation, identity))
        values, rows = evaluate(cell, array, factors, identity, codes.values)
        record |= {"values": values, "rows": rows}
    except SkippedError as reason:
        record |= {"skipped": _text(str(reason) or f"{cell.metric} does not apply")}
    except BaseException as fault:
        record |= failure(fault)
    return record | {"seconds": round(time.perf_counter() - started, 4)}


def described(cell: Cell) -> dict[str, Any]:
    """What the record of a cell says of the cell itself."""
    return dataclasses.asdict(cell) | {"key": cell.key}


def failure(fault: BaseException) -> dict[str, str]:
    """What a record says of a fault."""
    try:
        words = f"{type(fault).__name__}: {fault}"
    except Exception:
        words = f"{type(fault).__name__}, which cannot be written"
    trace = "".join(traceback.format_exception(fault))
    return {"failed": _text(words[:LONGEST]), "traceback": _text(trace[-10 * LONGEST :])}


def _text(text: str) -> str:
    """Text that can be written and read back."""
    return text.encode(errors="backslashreplace").decode()


def cell_records(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Cell key -> its record, of every cell that was tried; one that succeeded outweighs one that failed.

    A file that cannot be read is named and counts for nothing.
    """
    records: dict[str, dict[str, Any]] = {}
    for path in folder.score_files():
        try:
            tried = read_record(path, ScoresRecord)["cells"]
        except StoreError as fault:
            say_once(str(fault))
            continue
        for record in tried:
            if "failed" in records.get(record["key"], {"failed": ""}):
                records[record["key"]] = dict(record)
    return records


def state(record: dict[str, Any] | None) -> str:
    """ "done", "skipped", "failed", or "missing" where there is no record."""
    if record is None:
        return "missing"
    return next((s for s in ("skipped", "failed") if s in record), "done")
