"""Arrays of any library are read as they are meant, or refused with the argument, the place and the mend."""

import datetime
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from bench.arrays import classes, numbers

X = np.arange(12.0).reshape(6, 2)
Y = np.array([[0, 1], [1, 0], [2, 1], [0, 0], [1, 1], [2, 0]])


class Fake:
    """An object of a library that is not installed: it has these attributes and no others."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__ |= attributes


class JaxLike:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return self.array


class DLPackOnly:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: object) -> object:
        return self.array.__dlpack__(**options)  # type: ignore[arg-type]

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def named_tensor(array: np.ndarray) -> Fake:
    """A tensor of torch with named dims, on a device, that numpy can be had of once both are left behind."""
    bare = Fake(numpy=lambda: array)
    return Fake(detach=lambda: Fake(names=("batch", None), rename=lambda names: Fake(cpu=lambda: bare)))


TAKEN: dict[str, Callable[[np.ndarray], Any]] = {
    "numpy": lambda a: a,
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "rows in a list": lambda a: list(a),
    "numpy scalars in lists": lambda a: [list(row) for row in a],
    "no value masked": lambda a: np.ma.array(a, mask=False),
    "torch": torch.tensor,
    "torch with gradients": lambda a: torch.tensor(a, dtype=torch.float64).requires_grad_() * 1,
    "torch bfloat16": lambda a: torch.tensor(a).bfloat16(),
    "torch half": lambda a: torch.tensor(a).half(),
    "torch float8": lambda a: torch.tensor(a).to(torch.float8_e4m3fn),
    "torch rows in a list": lambda a: list(torch.tensor(a, dtype=torch.float32).requires_grad_() * 1),
    "torch named dims": named_tensor,
    "jax": JaxLike,
    "dlpack": DLPackOnly,
    "tensorflow": lambda a: Fake(numpy=lambda: a),
    "cupy": lambda a: Fake(__cuda_array_interface__={}, get=lambda: a),
    "dask": lambda a: Fake(__dask_graph__=dict, compute=lambda: a),
    "xarray": lambda a: Fake(dims=("row", "dim"), coords={}, values=a),
    "pandas": pd.DataFrame,
    "pandas nullable": lambda a: pd.DataFrame(a).convert_dtypes(),
    "pandas pyarrow": lambda a: pd.DataFrame(a).convert_dtypes(dtype_backend="pyarrow"),
    "pandas categorical": lambda a: pd.DataFrame(a).astype("category"),
    "pyarrow": lambda a: pa.table(pd.DataFrame(a, columns=["a", "b"])),
    "polars": lambda a: Fake(to_pandas=lambda: pd.DataFrame(a), __array__=None),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_numbers_and_classes_are_taken_from(kind: str) -> None:
    np.testing.assert_array_equal(numbers(TAKEN[kind](X), "codes"), X)
    read = classes(TAKEN[kind](Y), "factors")
    np.testing.assert_array_equal(read, Y)
    assert read.dtype == np.int64


def test_types_that_numpy_lacks_are_read_as_32_bit_floats() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    np.testing.assert_array_equal(numbers(JaxLike(X.astype(ml_dtypes.bfloat16)), "codes"), X)
    np.testing.assert_array_equal(classes(JaxLike(Y.astype(ml_dtypes.int4)), "factors"), Y)


def test_jax_and_polars_themselves_are_taken() -> None:
    jnp = pytest.importorskip("jax.numpy")
    np.testing.assert_array_equal(numbers(jnp.asarray(X, jnp.bfloat16), "codes"), X)


def test_polars_itself_is_taken() -> None:
    polars = pytest.importorskip("polars")
    np.testing.assert_array_equal(classes(polars.DataFrame(Y, orient="row"), "factors"), Y)
    with pytest.raises(ValueError, match=r"factors\.collect\(\) computes it"):
        classes(polars.DataFrame(Y, orient="row").lazy(), "factors")


def test_truth_values_and_whole_floats_are_classes() -> None:
    np.testing.assert_array_equal(classes(Y > 0, "factors"), Y > 0)
    for kind in (np.float16, np.float64, np.uint8, np.longdouble):
        np.testing.assert_array_equal(classes(Y.astype(kind), "factors"), Y)


def test_a_categorical_column_is_taken_by_its_codes_as_classes_and_by_its_values_as_numbers() -> None:
    frame = pd.DataFrame({"shape": pd.Categorical(["heart", "square", "heart"]), "size": pd.Categorical([9, 5, 9])})
    np.testing.assert_array_equal(classes(frame, "factors"), [[0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(numbers(frame[["size"]], "codes"), [[9], [5], [9]])


def test_a_missing_number_of_a_frame_is_nan() -> None:
    for dtype in ("Int64", "Float64", "int64[pyarrow]", "double[pyarrow]"):
        np.testing.assert_array_equal(
            numbers(pd.DataFrame({"a": pd.array([1, None], dtype)}), "codes"), [[1], [np.nan]]
        )


NO_NUMBERS: dict[str, tuple[Any, str]] = {
    "None": (None, "codes cannot be read as an array: it is None"),
    "a name": ("codes", "codes cannot be read as an array: it is a str"),
    "a dict": ({"a": X}, "codes cannot be read as an array: it is a dict of keys 'a'; give one of its values"),
    "a generator": ((row for row in X), "codes cannot be read as an array: it is a generator"),
    "ragged": ([[1.0, 2.0], [3.0]], "codes cannot be read as an array: its rows differ in length"),
    "complex": (X + 1j, r"codes must be real numbers, got complex numbers .*np\.concatenate\(\[x\.real, x\.imag\]"),
    "objects": (X.astype(object), r"codes must be real numbers, got objects .*\.astype\(float\)"),
    "text": (X.astype(str), "codes must be real numbers, got text"),
    "records": (np.zeros(3, "f8,i4"), "codes must be real numbers, got records .*structured_to_unstructured"),
    "a masked value": (
        np.ma.array(X, mask=X == 5),
        "codes has 1 masked value, at row 2, column 1: leave those rows out",
    ),
    "masked rows": ([np.ma.array([1, 2], mask=[0, 1])] * 3, "codes has 3 masked values, the first at row 0, column 1"),
    "scipy sparse": (scipy.sparse.csr_matrix(X), r"codes .* sparse, codes\.toarray\(\)"),
    "torch sparse": (torch.tensor(X).to_sparse(), r"codes .* sparse, codes\.to_dense\(\)"),
    "a lazy frame": (Fake(collect=None, schema=None), r"codes .* not computed yet, codes\.collect\(\)"),
    "a device that has no values": (torch.tensor(X, device="meta"), "codes cannot be read as an array: .*meta"),
    "a frame that cannot be had": (Fake(to_pandas=lambda: 1 / 0), "codes cannot be read as an array: division by zero"),
    "a column of text": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "column 'b' of codes must be real numbers, got"),
    "a column of dates": (pd.DataFrame({"day": pd.to_datetime(["2020", "2021"])}), "column 'day' of codes .*got dates"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_are_no_numbers_is_told_with_the_mend(kind: str) -> None:
    values, message = NO_NUMBERS[kind]
    with pytest.raises(ValueError, match=f"^{message}"):
        numbers(values, "codes")


NUMBERED = r"np\.unique\(column, return_inverse=True\)\[1\]"
NO_CLASSES: dict[str, tuple[Any, str]] = {
    "fractions": (Y + 0.5, rf"factors must be .* got 0\.5 at row 0, column 0: {NUMBERED}.*; of measured .*qcut"),
    "text": (Y.astype(str), rf"factors must be integers .* got text such as '0' at row 0, column 0: {NUMBERED}"),
    "objects": (Y.astype(object), f"factors must be integers .* got objects .*: {NUMBERED}"),
    "complex": (Y + 1j, f"factors must be integers .* got complex numbers .*: {NUMBERED}"),
    "dates": ([[datetime.date(2020, 1, 1)]], f"factors must be integers .*'2020-01-01' at row 0, column 0: {NUMBERED}"),
    "negative": (Y - 1, f"factors must not be negative, got -1 at row 0, column 0: {NUMBERED} numbers .* column$"),
    "above 64 bits": (np.array([[1], [2**63]], np.uint64), "factors must be .* got 9223372036854775808 at row 1, .*"),
    "huge floats": (Y * 1e300, rf"factors must be integers .* got 1e\+300 at row 0, column 1: {NUMBERED}"),
    "infinite": ([[0.0], [np.inf]], f"factors must be integers .* got inf at row 1, column 0: {NUMBERED}"),
    "NaN": (np.where(Y > 1, np.nan, Y), r"factors has 2 missing values \(NaN or NA\), the first at row 2, column 0: "),
    "None": ([[0], [None]], r"factors has 1 missing value \(NaN or NA\), at row 1, column 0"),
    "NA": (pd.DataFrame({"shape": pd.array([1, None], "Int64")}), "column 'shape' of factors has 1 missing .* row 1"),
    "no category": (pd.DataFrame({"shape": pd.Categorical(["a", None])}), "column 'shape' of factors has 1 missing"),
    "a text column": (
        pd.DataFrame({"size": [0, 1], "shape": ["heart", "square"]}),
        f"column 'shape' of factors must be integers .* got text such as 'heart' at row 0: {NUMBERED}",
    ),
    "an arrow text column": (
        pd.DataFrame({"shape": pd.array(["a"], "string[pyarrow]")}), f"column 'shape' of factors .* 'a' .*{NUMBERED}",
    ),
    "a date column": (
        pd.DataFrame({"day": pd.to_datetime(["2020"], utc=True)}), f"column 'day' of factors must be .*{NUMBERED}",
    ),
    "a column of fractions": (pd.DataFrame({"x": [0.5]}), f"column 'x' of factors must be .* 0.5 at row 0: {NUMBERED}"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_CLASSES)
def test_what_are_no_classes_is_told_with_the_mend(kind: str) -> None:
    values, message = NO_CLASSES[kind]
    with pytest.raises(ValueError, match=f"^{message}"):
        classes(values, "factors")


def test_no_value_of_any_kind_is_no_class() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert classes(np.zeros((3, 0), np.complex128), "factors").shape == (3, 0)


def test_the_mend_makes_classes_of_a_column() -> None:
    column = np.array(["heart", "square", "heart"])
    numbered = np.unique(column, return_inverse=True)[1]
    np.testing.assert_array_equal(classes(numbered[:, None], "factors"), [[0], [1], [0]])
