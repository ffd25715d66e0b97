"""Reads mean and log-variance from the output of an encoder or a file: arrays, pairs, dicts, objects, distributions.

Fields are looked up by the names below; nothing else is guessed.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.arrays import is_array, numbers

Array = NDArray[Any]

MEANS = ("mean", "loc", "mu", "embedding")
LOG_VARIANCES = ("logvar", "log_var", "logvars", "log_covariance")
DEVIATIONS = ("std", "stddev", "scale")
VARIANCES = ("variance", "var", "covariance_diagonal")
SPREADS = (*LOG_VARIANCES, *DEVIATIONS, *VARIANCES)
# a deviation or a variance? or not one number for each dim
UNCLEAR = ("sigma", "covariance", "covariance_matrix", "scale_tril", "precision_matrix")
INSIDE = ("latent_dist", "posterior")  # fields that may hold a distribution
WANTED = "return an array (n, D), a pair (mean, logvar), or fields mean and logvar (or std, or variance)"
LEAST = 1e-37  # replaces a deviation of 0; representable in 32-bit floats


def mean_and_logvar(output: Any, name: str) -> tuple[Array, Array | None]:
    """Mean and log-variance of an encoder's output, of any shape; None: it has no variance.

    Args:
        output: an array (n, D); a pair (mean, logvar), the second perhaps None; or a dict, named tuple, dataclass or
            object with one of `MEANS` and perhaps one of `SPREADS`, or with a distribution under one of `INSIDE`.
        name: of the output, for errors.

    Raises:
        ValueError: the output is none of these, or its fields contradict each other; the message names them.
    """
    fields_of_output = _fields(output, name)
    if fields_of_output is not None:
        return _from_fields(fields_of_output, name)
    if not isinstance(output, list | tuple) or not any(v is None or _axes(v) > 1 for v in output):
        return numbers(output, name), None
    if len(output) > 2:
        raise ValueError(f"{name} is {len(output)} things, which do not say what they are: {WANTED}")
    first, second = (*output, None)[:2]
    mean, logvar = mean_and_logvar(first, f"{name}, first of {len(output)}")
    if second is None:
        return mean, logvar
    return mean, numbers(second, f"{name}, second of 2")


def log_variance(values: Mapping[str, Any], name: str) -> Array | None:
    """The log-variance, computed from whichever of `SPREADS` is present; None if none is.

    Raises:
        ValueError: two of them contradict each other, or a deviation or variance is negative.
    """
    return _agreed({n: _as_log_variance(n, values[n], name) for n in SPREADS if values.get(n) is not None}, name)


def _from_fields(values: Mapping[str, Any], name: str) -> tuple[Array, Array | None]:
    present = [n for n, value in values.items() if value is not None]
    if nested := [n for n in INSIDE if n in present]:
        if len(nested) > 1 or any(n in present for n in (*MEANS, *SPREADS)):
            names = ", ".join(n for n in present if n in (*INSIDE, *MEANS, *SPREADS))
            raise ValueError(f"{name} has {names}: {WANTED}")
        return mean_and_logvar(values[nested[0]], f"{nested[0]} of {name}")
    if unclear := [n for n in UNCLEAR if n in present]:
        raise ValueError(f"{name} has {unclear[0]}, which may mean several things: {WANTED}")
    mean = _agreed({n: numbers(values[n], f"{n} of {name}") for n in MEANS if n in present}, name)
    if mean is None:
        raise ValueError(
            f"{name} has none of the fields {', '.join(MEANS)} but {', '.join(present) or 'none'}: {WANTED}"
        )
    return mean, log_variance(values, name)


def _fields(output: Any, name: str) -> Mapping[str, Any] | None:
    """The named parts of an output; None if it is an array or has parts without names."""
    if isinstance(output, Mapping):
        return {str(key): value for key, value in output.items()}
    if hasattr(output, "_asdict"):
        return dict(output._asdict())
    if output is None or isinstance(output, tuple | str | bytes | set | np.generic | int | float) or is_array(output):
        return None
    if hasattr(output, "log_prob"):
        _refuse_unless_normal(output, name)
    known = (*MEANS, *SPREADS, *UNCLEAR, *INSIDE)
    attributes = [f.name for f in fields(output)] if is_dataclass(output) else list(getattr(output, "__dict__", ()))
    values = {n: _attribute(output, n) for n in dict.fromkeys((*known, *attributes))}
    present = {n: value for n, value in values.items() if value is not None and not callable(value)}
    return present or None


def _refuse_unless_normal(distribution: Any, name: str) -> None:
    base = distribution
    while type(base).__name__ == "Independent":
        base = getattr(base, "base_dist", None) or getattr(base, "distribution", None)
    if type(base).__name__ != "Normal":
        raise ValueError(f"{name} is a {type(base).__name__} distribution, not independent normal ones: {WANTED}")


def _attribute(output: Any, name: str) -> Any:
    try:
        return getattr(output, name, None)
    except Exception:  # a property that this kind of object does not support
        return None


def _agreed(candidates: Mapping[str, Array], name: str) -> Array | None:
    """The first of several arrays, which must be equal; None if there are none."""
    arrays = list(candidates.values())
    for other in arrays[1:]:
        if other.shape != arrays[0].shape or not np.allclose(other, arrays[0], rtol=1e-3, atol=1e-3, equal_nan=True):
            raise ValueError(f"{name} has {' and '.join(candidates)}, which differ: leave one out")
    return arrays[0] if arrays else None


def _as_log_variance(field: str, value: Any, name: str) -> Array:
    array = numbers(value, f"{field} of {name}").astype(np.float64, copy=False)
    if field in LOG_VARIANCES:
        return array
    if (array < 0).any():
        raise ValueError(f"{field} of {name} has the negative value {array.min():.3g}")
    deviation = np.sqrt(array) if field in VARIANCES else array
    return np.asarray(2 * np.log(np.maximum(deviation, LEAST)))


def _axes(value: Any) -> int:
    """Number of axes of an entry of a list; an entry that is no array counts as 2."""
    if isinstance(value, list | tuple):
        return 1 + max((_axes(v) for v in value[:1]), default=0)
    if isinstance(value, int | float | np.generic):
        return 0
    return int(getattr(value, "ndim", len(getattr(value, "shape", (0, 0)))))
