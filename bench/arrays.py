"""Lists, frames, arrays and tensors of any library as numpy arrays. None of the libraries is imported here.

`numbers` reads codes and images, `classes` reads factors. Both take the argument's name: input that they cannot read
raises a ValueError that names the argument, the place in it and how to mend it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NUMBERED = "np.unique(column, return_inverse=True)[1]"  # numbers the distinct values of a column as class indices
LEAVE_OUT = "leave those rows out of codes and factors alike"
EXACT = np.float64(2**53)  # up to here a float64 holds every whole number exactly
DEEPEST = 5  # of nested lists: images are four deep
PLAIN = {int, float, bool, str, complex, type(None)}
WORDS = {"c": "complex numbers", "O": "objects", "V": "records", "M": "dates", "m": "times", "b": "truth values"}
ARRAY_LIKE = (
    "__array__", "__array_interface__", "__cuda_array_interface__", "__dlpack__",
    "detach", "iloc", "to_pandas", "numpy",
)  # fmt: skip


def is_array(values: object) -> bool:
    """Whether a value is a list, or an array, frame or tensor of some library."""
    return isinstance(values, list) or any(hasattr(values, mark) for mark in ARRAY_LIKE)


def numbers(values: Any, name: str) -> Array:
    """An array of real numbers, of any shape and numpy type, NaN where missing; a frame gives its columns side by side.

    Raises:
        ValueError: `values` are no array, masked, sparse, of rows that differ in length, or other than real numbers.
    """
    return _read(values, name, _numbers)


def classes(values: Any, name: str) -> NDArray[np.int64]:
    """Class indices, of any shape: integers, truth values, or floats that are whole numbers.

    A categorical column of a frame gives its codes: its categories are numbered in their own order.

    Raises:
        ValueError: as `numbers`, or a value is missing, fractional, negative, text, a date or above 64 bits; the
            message names the first such place, and how to number the classes of a column.
    """
    return _read(values, name, _classes)


def _read(values: Any, name: str, convert: Callable[[Array, str], Array]) -> Array:
    try:
        values = _materialised(values, name)
    except Exception as fault:
        raise _unreadable(name, fault) from fault
    if not hasattr(values, "iloc"):
        return convert(_plain(values, name), name)
    if values.ndim == 1:
        return convert(_column(values, convert is _classes), name)
    columns = [
        convert(_column(values.iloc[:, k], convert is _classes), f"column {label!r} of {name}")
        for k, label in enumerate(values.columns)
    ]
    return np.column_stack(columns) if columns else np.empty((len(values), 0))


def _materialised(values: Any, name: str) -> Any:
    """The values in this process, computed if they are lazy; a frame of another library as a pandas frame."""
    if hasattr(values, "__dask_graph__"):
        values = values.compute()
    if hasattr(values, "dims") and hasattr(values, "coords") and not isinstance(values, Mapping):
        return values.values  # xarray
    if hasattr(values, "collect") and hasattr(values, "schema") and not hasattr(values, "to_pandas"):
        raise ValueError(f"{name} cannot be read as an array: it is not computed yet, {name}.collect() computes it")
    if hasattr(values, "to_pandas") and not hasattr(values, "iloc"):
        return values.to_pandas()  # frames and columns of polars, pyarrow, cudf
    return values


def _column(column: Any, as_classes: bool) -> Array:
    """One column of a pandas frame: numbers with NaN for missing ones, or with `as_classes` the codes of categories."""
    kind = getattr(column.dtype, "kind", "O")
    if hasattr(column.dtype, "categories") and hasattr(column, "cat"):
        if as_classes:
            indices = column.cat.codes.to_numpy()
            return np.where(indices < 0, np.nan, indices)
        kind = column.dtype.categories.dtype.kind
    if kind not in "biuf":
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy(np.float64, na_value=np.nan) if column.isna().any() else column.to_numpy())


def _plain(values: Any, name: str) -> Array:
    """Values other than a frame, as a numpy array."""
    if values is None or isinstance(values, str | bytes | Mapping | set):
        raise ValueError(f"{name} cannot be read as an array: {_type_in_words(values)}")
    _refuse_sparse(values, name)
    try:
        _refuse_masked(values, name)
        array = _converted(values, name)
    except Exception as fault:
        raise _unreadable(name, fault) from fault
    if array.ndim == 0 and array.dtype.kind == "O":
        raise ValueError(f"{name} cannot be read as an array: {_type_in_words(values)}")
    named = array.dtype.kind == "V" and array.dtype.names is None and not array.dtype.name.startswith("void")
    return array.astype(np.float32) if named else array  # bfloat16 and similar types, which numpy itself lacks


def _unreadable(name: str, fault: Exception) -> ValueError:
    """An error of another library as a ValueError of one line; an error of this module stays as it is."""
    lines = str(fault).strip().splitlines() or [type(fault).__name__]
    if isinstance(fault, ValueError) and lines[0].startswith(f"{name} "):
        return fault
    reason = "its rows differ in length" if "inhomogeneous" in lines[0] else lines[0]
    return ValueError(f"{name} cannot be read as an array: {reason}")


def _converted(values: Any, name: str) -> Array:
    if isinstance(values, list | tuple):
        return np.asarray(_nested(values, name))
    if hasattr(values, "detach"):
        return _tensor(values)
    if hasattr(values, "__cuda_array_interface__"):
        return np.asarray(values.get() if hasattr(values, "get") else values.copy_to_host())
    if hasattr(values, "__array__") or hasattr(values, "__array_interface__"):
        return np.asarray(values)
    if hasattr(values, "__dlpack__"):
        return np.from_dlpack(values)
    return np.asarray(values.numpy() if callable(getattr(values, "numpy", None)) else values)


def _nested(values: Any, name: str, depth: int = 1) -> Any:
    """Nested lists in which each array or tensor is a numpy array."""
    kinds = {type(v) for v in values}
    if depth > DEEPEST or all(kind in PLAIN or issubclass(kind, np.generic) for kind in kinds):
        return values

    def item(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return _nested(value, name, depth + 1)
        return numbers(value, name) if is_array(value) else value

    return [item(v) for v in values]


def _tensor(tensor: Any) -> Array:
    """A torch tensor as an array, without its gradient, names and device."""
    tensor = (tensor.get_data() if hasattr(tensor, "get_mask") else tensor).detach()
    if getattr(tensor, "is_quantized", False):
        tensor = tensor.dequantize()
    if any(dim is not None for dim in getattr(tensor, "names", None) or ()):
        tensor = tensor.rename(None)
    for step in ("cpu", "resolve_conj", "resolve_neg"):
        tensor = getattr(tensor, step)() if hasattr(tensor, step) else tensor
    try:
        return np.asarray(tensor.numpy())
    except TypeError:  # bfloat16 and narrower: numpy has no such type
        return np.asarray(tensor.float().numpy())


def _refuse_masked(values: Any, name: str) -> None:
    """Raise a ValueError if an array, or one in a list, has a masked value."""
    if hasattr(values, "get_mask"):  # a masked tensor of torch
        masked = ~np.asarray(values.get_mask().cpu())
    elif np.ma.isMaskedArray(values) or (
        isinstance(values, list | tuple) and any(np.ma.isMaskedArray(v) for v in values)
    ):
        masked = np.ma.getmaskarray(np.ma.asarray(values))
    else:
        return
    if masked.any():
        raise ValueError(f"{name} has {_counted(masked, 'masked value')}: {LEAVE_OUT}")


def _refuse_sparse(values: Any, name: str) -> None:
    layout = str(getattr(values, "layout", ""))
    sparse = layout.startswith("torch.") and layout != "torch.strided"
    if sparse or any(isinstance(getattr(values, count, None), int | np.integer) for count in ("nnz", "nse")):
        method = next((m for m in ("toarray", "todense", "to_dense") if hasattr(values, m)), "todense")
        raise ValueError(f"{name} cannot be read as an array: it is sparse, {name}.{method}() holds every value")


def _numbers(array: Array, where: str) -> Array:
    if array.dtype.kind in "biuf":
        return array
    mends = {
        "c": "real and imaginary part are columns of their own, np.concatenate([x.real, x.imag], axis=1)",
        "O": "where all are numbers, .astype(float) makes them such",
        "V": "numpy.lib.recfunctions.structured_to_unstructured makes columns of them",
    }
    mend = mends.get(array.dtype.kind, "leave out what is no number")
    raise ValueError(f"{where} must be real numbers, got {_kind(array)}: {mend}")


def _classes(array: Array, where: str) -> NDArray[np.int64]:
    missing = _missing(array)
    if missing.any():
        raise ValueError(f"{where} has {_counted(missing, 'missing value', ' (NaN or NA)')}: {LEAVE_OUT}")
    if array.dtype.kind == "f":
        wrong = (array != np.floor(array)) | (np.abs(array) > EXACT)
    else:
        wrong = np.full(array.shape, array.dtype.kind not in "biu") | (
            array > np.iinfo(np.int64).max if array.dtype.kind == "u" else False
        )
    if wrong.any():
        _refuse(array, wrong, f"{where} must be integers from 0, the class index of each factor")
    whole = array.astype(np.int64, copy=False) if array.size else np.empty(array.shape, np.int64)
    if (whole < 0).any():
        _refuse(array, whole < 0, f"{where} must not be negative")
    return whole


def _refuse(array: Array, wrong: NDArray[np.bool_], rule: str) -> None:
    first = array[tuple(np.argwhere(wrong)[0])]
    mend = ""
    if array.dtype.kind in "iufb":
        shown = repr(first.item())
        measured = np.isfinite(first) and first % 1
        mend = "; of measured values pandas.qcut(column, 10, labels=False) makes ten" if measured else ""
    else:
        shown = f"{'text' if isinstance(first, str) else _kind(array)} such as {str(first)[:40]!r}"
    raise ValueError(f"{rule}, got {shown} at {_place(wrong)}: {NUMBERED} numbers the classes of a column{mend}")


def _missing(array: Array) -> NDArray[np.bool_]:
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind in "mM":
        return np.isnat(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, bool)
    absent = [v is None or type(v).__name__ in ("NAType", "NaTType") or (isinstance(v, float) and v != v)
              for v in array.ravel()]  # fmt: skip
    return np.array(absent, bool).reshape(array.shape)


def _counted(mask: NDArray[np.bool_], noun: str, remark: str = "") -> str:
    """How many places the mask marks, and the first of them, in words."""
    count, place = int(mask.sum()), _place(mask)
    return f"1 {noun}{remark}, at {place}" if count == 1 else f"{count} {noun}s{remark}, the first at {place}"


def _place(mask: NDArray[np.bool_]) -> str:
    """The first place that the mask marks, in words."""
    names = ("row", "column") if mask.ndim < 3 else tuple(f"axis {k}" for k in range(mask.ndim))
    return ", ".join(f"{name} {i}" for name, i in zip(names, np.argwhere(mask)[0], strict=False)) or "its only value"


def _kind(array: Array) -> str:
    """What kind of values an array holds, in words."""
    word = WORDS.get(array.dtype.kind, "text")
    return f"{word} (dtype {array.dtype})"


def _type_in_words(values: Any) -> str:
    if isinstance(values, Mapping):
        keys = ", ".join(map(repr, list(values)[:8])) or "none"
        return f"it is a {type(values).__name__} of keys {keys}; give one of its values"
    mend = "; its mean is one" if isinstance(getattr(values, "mean", None), np.ndarray) else ""
    return "it is None" if values is None else f"it is a {type(values).__name__}, not an array{mend}"
