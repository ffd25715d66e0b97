"""Checks what a metric returned against its declaration: finite numbers of declared names and ranges."""

import math
import re
from collections.abc import Mapping
from typing import Any

from bench.metrics.base import Metric, Score

ROUNDING = 1e-6  # tolerance of a score's range; relative to the bound if that is above 1


class ScoreError(ValueError):
    """A metric returned something that it does not declare; the message names the metric and the value."""


def checked(declared: Metric, values: Any, num_factors: int) -> dict[str, float]:
    """The returned scores of a metric, as floats.

    Raises:
        ScoreError: no dict of scores, a name that is not declared or whose factor does not exist, or a value that is
            not finite or out of its declared range.
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
    """The declaration of a returned score name."""
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
    """A number of Python, numpy or another library as a float; None if it is not a number."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:
        return None


def _short(value: Any) -> str:
    """A value as messages show it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}... ({type(value).__name__})"
