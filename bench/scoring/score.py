"""`bench.score`: arrays of one representation, or of several, scored under the published protocol."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, overload

from numpy.typing import ArrayLike

from bench import registry
from bench.metrics.base import Floats, Ints, SkippedError, check_codes, check_factors
from bench.scoring.returned import ScoreError
from bench.scoring.runs import PUBLISHED, cell_of, declaration, evaluate

if TYPE_CHECKING:
    import pandas as pd

Advance = Callable[[float, str], None]
Scored = Callable[[str, Floats, Ints | None], dict[str, float]]


class Scores(dict[str, float]):
    """Score name -> value, where "name/3" is the value for factor 3 alone.

    Attributes:
        skipped: metric -> why it was left out.
        metrics: score name -> the metric that it is of.
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
) -> ScoresOfSeveral: ...
@overload
def score(
    codes: ArrayLike,
    factors: ArrayLike | None = None,
    metrics: str | Sequence[str] | None = None,
    seed: int = 0,
    convention: str | None = None,
) -> Scores: ...
def score(
    codes: "ArrayLike | Mapping[str, ArrayLike]",
    factors: "ArrayLike | None" = None,
    metrics: "str | Sequence[str] | None" = None,
    seed: int = 0,
    convention: str | None = None,
) -> "Scores | ScoresOfSeveral":
    """Scores of a representation, under the published protocol as far as the rows go.

    Arrays may be lists, numpy arrays, frames, or arrays and tensors of any library and on any device. On a terminal a
    progress bar shows what is computed.

    Args:
        codes: (N, D) real numbers, or several such arrays of the same rows, by name: {"mine": ..., "theirs": ...}.
        factors: (N, F) the class of each factor: integers from 0, or floats that are whole numbers; a categorical
            column of a frame is taken by its codes. None: only metrics of codes alone apply.
        metrics: a name or several; None: every registered metric that applies.
        seed: of the metrics that draw random rows.
        convention: in whose form the metrics are computed, such as "ubisoft" (docs/conventions.md has all), and without
            `metrics`, every one that has it; None: in this suite's.

    Returns:
        Score name -> value, where "name/3" is the value for factor 3 alone; its `skipped` tells which metrics were left
        out, and why, its `frame()` is a table. Of several representations, name -> such scores.

    Raises:
        ValueError: bad codes or factors, an unknown metric, or one asked for by name that does not apply.

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
    several = isinstance(codes, Mapping)
    given = _named(codes) if isinstance(codes, Mapping) else {"codes": check_codes(codes, min_rows=2)}
    classes = None if factors is None else check_factors(factors, len(next(iter(given.values()))))
    known = registry.names("metrics")
    names = known if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        if name not in known:
            raise registry.unknown("metric", name, known)
    scored: Scored = partial(_score, seed=seed)
    if convention is not None:
        from bench.scoring.by_convention import metrics_of, score_by

        names = metrics_of(convention, None if metrics is None else names)
        scored = partial(score_by, convention, seed=seed)
    faults = registry.faults("metrics") if metrics is None else {}
    names = [name for name in names if name not in faults]
    scored_codes = ScoresOfSeveral()
    with _progress(len(names) * len(given)) as advance:
        for whose, array in given.items():
            prefix = f"{whose}: " if several else ""
            scored_codes[whose] = _scores(array, classes, names, scored, metrics is None, prefix, advance)
            scored_codes[whose].skipped |= {name: str(fault) for name, fault in faults.items()}
    return scored_codes if several else scored_codes["codes"]


def _named(codes: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Several representations, checked one by one and against each other."""
    if not codes:
        raise ValueError("codes names no representation")
    arrays = {str(name): check_codes(array, f"codes of {name}", min_rows=2) for name, array in codes.items()}
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise ValueError(f"codes must be of the same rows, got {counts}")
    return arrays


def _score(metric: str, codes: Floats, factors: Ints | None, seed: int) -> dict[str, float]:
    return evaluate(cell_of(declaration(metric), "mean", PUBLISHED), codes, factors, f"seed {seed}")[0]


def _scores(
    codes: Floats,
    factors: Ints | None,
    names: Sequence[str],
    scored: Scored,
    lenient: bool,
    prefix: str,
    advance: Advance,
) -> Scores:
    """Scores of one representation; what does not apply is left out if lenient, and raised if not."""
    scores = Scores()
    for name in names:
        advance(0, f"{prefix}{name}")
        try:
            values = scored(name, codes, factors)
        except (SkippedError, ScoreError) as reason:
            if not lenient:
                raise type(reason)(f"{prefix}{reason}") from reason
            scores.skipped[name] = str(reason)
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


def _table(of: Mapping[str, Scores]) -> list[tuple[str, ...]]:
    """A head, and a line for each score of all factors together: its name, and its value of each representation."""
    keys = dict.fromkeys(key for scores in of.values() for key in scores if "/" not in key)
    lines = [(key, *(f"{scores[key]:.4g}" if key in scores else "" for scores in of.values())) for key in keys]
    return [("", *of), *lines]


def _notes(of: Mapping[str, Scores]) -> list[str]:
    """What the table does not show: values of single factors, and what was left out with the reasons."""
    singles = next((key for scores in of.values() for key in scores if "/" in key), None)
    notes = [f"values of single factors as well, such as [{singles!r}]"] if singles else []
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, scores in of.items():
        for item in scores.skipped.items():
            reasons.setdefault(item, []).append(name)
    for (metric, reason), names in reasons.items():
        of_some = f" of {', '.join(names)}" if len(names) < len(of) else ""
        named = reason if reason.startswith(metric) else f"{metric}: {reason}"
        notes.append(f"left out{of_some}: {named}")
    return notes


def _text(of: Mapping[str, Scores]) -> str:
    table = _table(of)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    cells = ([c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(t, widths, strict=True))] for t in table)
    return "\n".join([*("  ".join(line) for line in cells), *_notes(of)])


def _html(of: Mapping[str, Scores]) -> str:
    from html import escape

    head, *lines = _table(of)
    rows = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"]
    for name, *values in lines:
        numbers = "".join(f"<td>{value}</td>" for value in values)
        rows.append(f"<tr><th>{escape(name)}</th>{numbers}</tr>")
    notes = "".join(f"<p>{escape(note)}</p>" for note in _notes(of))
    return f"<table>{''.join(rows)}</table>{notes}"
