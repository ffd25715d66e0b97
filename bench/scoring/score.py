"""`bench.score`: arrays of one representation, or of several, scored under the published protocol."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike

from bench import registry
from bench.arrays import numbers
from bench.metrics.base import Floats, Ints, SkippedError, check_codes, check_factors
from bench.scoring.returned import ScoreError
from bench.scoring.runs import PUBLISHED, cell_of, declaration, evaluate

if TYPE_CHECKING:
    import pandas as pd

Advance = Callable[[float, str], None]
ScoreOf = Callable[[str, Floats, Ints | None], dict[str, float]]


class Scores(dict[str, float]):
    """Score name -> value, where "name/3" is the value for factor 3 alone.

    Attributes:
        skipped: metric -> why it was left out.
        metrics: score name -> its metric.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped: dict[str, str] = {}
        self.metrics: dict[str, str] = {}

    def frame(self) -> "pd.DataFrame":
        """A row for each score: metric, name, factor (missing: all factors), score."""
        import pandas as pd

        rows = [(self.metrics[key], *_parts(key), value) for key, value in self.items()]
        return pd.DataFrame(rows, columns=["metric", "name", "factor", "score"]).astype({"factor": "Int64"})

    def __repr__(self) -> str:
        return _text({"score": self})

    def _repr_html_(self) -> str:
        return _html({"score": self})


class ScoresOfSeveral(dict[str, Scores]):
    """Name of a representation -> its scores."""

    @property
    def skipped(self) -> dict[str, dict[str, str]]:
        """Name of a representation -> metric -> why it was left out."""
        return {name: scores.skipped for name, scores in self.items()}

    def frame(self) -> "pd.DataFrame":
        """A row for each score of each representation: codes (its name), metric, name, factor, score."""
        import pandas as pd

        frames = [scores.frame().assign(codes=name) for name, scores in self.items()]
        return pd.concat(frames, ignore_index=True)[["codes", "metric", "name", "factor", "score"]]

    def __repr__(self) -> str:
        return _text(self)

    def _repr_html_(self) -> str:
        return _html(self)


@overload
def score(
    codes: Mapping[str, ArrayLike],
    factors: ArrayLike | None = None,
    metrics: str | Sequence[str] | None = None,
    seed: int = 0,
    convention: str | None = None,
    values: ArrayLike | None = None,
) -> ScoresOfSeveral: ...
@overload
def score(
    codes: ArrayLike,
    factors: ArrayLike | None = None,
    metrics: str | Sequence[str] | None = None,
    seed: int = 0,
    convention: str | None = None,
    values: ArrayLike | None = None,
) -> Scores: ...
def score(
    codes: "ArrayLike | Mapping[str, ArrayLike]",
    factors: "ArrayLike | None" = None,
    metrics: "str | Sequence[str] | None" = None,
    seed: int = 0,
    convention: str | None = None,
    values: "ArrayLike | None" = None,
) -> "Scores | ScoresOfSeveral":
    """Scores of a representation under the published protocol, or with fewer rows if there are not enough.

    Arrays may be lists, numpy arrays, frames, or arrays and tensors of any library and on any device. On a terminal a
    progress bar shows what is computed.

    Args:
        codes: (N, D) real numbers, or several such arrays of the same rows, by name: {"mine": ..., "theirs": ...}.
        factors: (N, F) the class of each factor: integers from 0, or floats that are whole numbers; a categorical
            column of a frame is taken by its codes. None: only metrics of codes alone apply.
        metrics: a name or several; None: every registered metric that applies.
        seed: of the metrics that draw random rows.
        convention: compute the metrics as another repository does, such as "ubisoft" (listed in docs/conventions.md);
            without `metrics`, all that have this form. None: as this suite does.
        values: (N, F) what the factors are worth, for metrics of measured values (`infomec_continuous`). None: classes.

    Returns:
        Score name -> value, where "name/3" is the value for factor 3 alone; its `skipped` says which metrics were left
        out, and why; its `frame()` is a table. For several representations, name -> such scores.

    Raises:
        ValueError: bad codes, factors, values or seed, an unknown metric, or a metric requested that does not apply.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).integers(0, 4, size=(1000, 2))
        >>> score(factors.astype(float), factors, metrics="modularity")
                    score
        modularity      1
        >>> both = score({"perfect": factors.astype(float), "none": 0.0 * factors}, factors, metrics="irs")
        >>> nothing = both["none"]
        >>> nothing["irs"], nothing.skipped
        (0.0, {})
    """
    is_mapping = isinstance(codes, Mapping)
    arrays = _named(codes) if isinstance(codes, Mapping) else {"codes": check_codes(codes, min_rows=2)}
    classes = None if factors is None else check_factors(factors, len(next(iter(arrays.values()))))
    worth = None if values is None else _values(values, classes)
    known = registry.names("metrics")
    names = known if metrics is None else _names(metrics)
    seed = _whole(seed)
    for name in names:
        if name not in known:
            raise registry.unknown_metric(name, known)
    score_of: ScoreOf = partial(_score, seed=seed, values=worth)
    if convention is not None:
        from bench.scoring.by_convention import metrics_of, score_by

        names = metrics_of(convention, None if metrics is None else names)
        score_of = partial(score_by, convention, seed=seed)
    faults = registry.faults("metrics") if metrics is None else {}
    names = [name for name in names if name not in faults]
    scored_codes = ScoresOfSeveral()
    with _progress(len(names) * len(arrays)) as advance:
        for label, array in arrays.items():
            prefix = f"{label}: " if is_mapping else ""
            scored_codes[label] = _scores(array, classes, names, score_of, metrics is None, prefix, advance)
            scored_codes[label].skipped |= {name: str(fault) for name, fault in faults.items()}
    return scored_codes if is_mapping else scored_codes["codes"]


def _names(metrics: Any) -> list[str]:
    """The names of metrics, of one or of several."""
    if callable(metrics) or not isinstance(metrics, Iterable):
        got = getattr(metrics, "__name__", metrics)
        raise ValueError(f"metrics must be names of registered metrics, such as 'mig' or ['mig', 'dci'], got {got!r}")
    return [metrics] if isinstance(metrics, str) else list(metrics)


def _whole(seed: Any) -> int:
    """A seed as an int: 1 and 1.0 would draw other rows."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be an integer from 0, got {seed!r}")
    return int(seed)


def _values(values: Any, classes: Ints | None) -> Floats:
    """What factors are worth, one number for each class in `factors`."""
    worth = numbers(values, "values").astype(np.float64)
    if classes is None or worth.shape != classes.shape or not np.isfinite(worth).all():
        needed = "needs factors" if classes is None else f"must be finite, of the shape of factors {classes.shape}"
        raise ValueError(f"values {needed}, got shape {worth.shape}")
    return worth


def _named(codes: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Several representations, each checked, all of the same number of rows."""
    if not codes:
        raise ValueError("codes names no representation")
    arrays = {str(name): check_codes(array, f"codes of {name}", min_rows=2) for name, array in codes.items()}
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise ValueError(f"codes must be of the same rows, got {counts}")
    return arrays


def _score(metric: str, codes: Floats, factors: Ints | None, seed: int, values: Floats | None) -> dict[str, float]:
    return evaluate(cell_of(declaration(metric), "mean", PUBLISHED), codes, factors, f"seed {seed}", values)[0]


def _scores(
    codes: Floats,
    factors: Ints | None,
    names: Sequence[str],
    score_of: ScoreOf,
    lenient: bool,
    prefix: str,
    advance: Advance,
) -> Scores:
    """Scores of one representation; a metric that does not apply is left out if lenient, else raised."""
    scores = Scores()
    for name in names:
        advance(0, f"{prefix}{name}")
        try:
            values = score_of(name, codes, factors)
        except (SkippedError, ScoreError) as reason:
            if not lenient:
                raise type(reason)(f"{prefix}{reason}") from reason
            scores.skipped[name] = str(reason)
        except (Exception, SystemExit) as fault:
            fault.add_note(f"while scoring {prefix}{name}")
            if not lenient or isinstance(fault, ValueError):
                raise
            scores.skipped[name] = f"failed: {type(fault).__name__}: {fault}"
        else:
            scores.update(values)
            scores.metrics.update(dict.fromkeys(values, name))
        advance(1, f"{prefix}{name}")
    return scores


@contextmanager
def _progress(count: int) -> Iterator[Advance]:
    """A progress bar on a terminal, nothing elsewhere."""
    from bench.progress import Meter

    if not sys.stderr.isatty():
        yield lambda amount, note: None
        return
    with Meter("score", count, "metrics") as meter:
        yield meter.advance


def _parts(key: str) -> tuple[str, int | None]:
    """Name and factor of a score; None: all factors."""
    name, _, factor = key.partition("/")
    return name, int(factor) if factor else None


def _table(scores_of: Mapping[str, Scores]) -> list[tuple[str, ...]]:
    """A header, and a line for each score of all factors together: its name and its value for each representation."""
    keys = dict.fromkeys(key for scores in scores_of.values() for key in scores if "/" not in key)
    lines = [(key, *(f"{scores[key]:.4g}" if key in scores else "" for scores in scores_of.values())) for key in keys]
    return [("", *scores_of), *lines]


def _notes(scores_of: Mapping[str, Scores]) -> list[str]:
    """Notes below the table: that there are values of single factors, and which metrics were left out, and why."""
    singles = next((key for scores in scores_of.values() for key in scores if "/" in key), None)
    notes = [f"values of single factors as well, such as [{singles!r}]"] if singles else []
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, scores in scores_of.items():
        for item in scores.skipped.items():
            reasons.setdefault(item, []).append(name)
    for (metric, reason), names in reasons.items():
        of_some = f" of {', '.join(names)}" if len(names) < len(scores_of) else ""
        named = reason if reason.startswith(metric) else f"{metric}: {reason}"
        notes.append(f"left out{of_some}: {named}")
    return notes


def _text(scores_of: Mapping[str, Scores]) -> str:
    table = _table(scores_of)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    cells = ([c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(t, widths, strict=True))] for t in table)
    return "\n".join([*("  ".join(line) for line in cells), *_notes(scores_of)])


def _html(scores_of: Mapping[str, Scores]) -> str:
    from html import escape

    head, *lines = _table(scores_of)
    rows = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"]
    for name, *values in lines:
        numbers = "".join(f"<td>{value}</td>" for value in values)
        rows.append(f"<tr><th>{escape(name)}</th>{numbers}</tr>")
    notes = "".join(f"<p>{escape(note)}</p>" for note in _notes(scores_of))
    return f"<table>{''.join(rows)}</table>{notes}"
