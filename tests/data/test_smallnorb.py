"""SmallNORB puts each photograph of the left camera at its factors and instance; wrong matrices are named."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import data
from bench.data.base import Card, DataError
from bench.data.smallnorb import _rows
from bench.data.stored import shrunk

StandIn = Callable[..., Card]


def load() -> Any:
    return data._loaded.__wrapped__("smallnorb")


def test_each_photograph_lies_at_its_factors_then_instance(stand_in: StandIn, tmp_path: Path) -> None:
    card = stand_in("smallnorb")
    norb, seen = load(), []
    for dat, cat, info in zip(card.files[::3], card.files[1::3], card.files[2::3], strict=True):
        pictures, category, rest = (np.concatenate(list(_rows(tmp_path / f.name, shape))) for f, shape in (
            (dat, (None, 2, 96, 96)), (cat, (None,)), (info, (None, 4))))  # fmt: skip
        for picture, c, (instance, elevation, azimuth, lighting) in zip(pictures, category, rest, strict=True):
            factors = (c, elevation, azimuth // 2, lighting)
            place = np.ravel_multi_index((*factors, instance), (*card.factor_sizes, 4))
            assert norb.factors([place])[0].tolist() == list(factors)
            np.testing.assert_array_equal(norb.pixels[place, :, :, 0], shrunk(picture[:1], 64, 64)[0])
            seen.append(int(place))
    assert sorted(seen) == list(range(card.num_images))


@pytest.mark.parametrize("folder", ["smallnorb", "small_norb"])
def test_unpacked_files_are_read_where_they_lie(stand_in: StandIn, tmp_path: Path, folder: str) -> None:
    card = stand_in("smallnorb")
    expected = load().images(np.arange(card.num_images))
    (tmp_path / folder).mkdir(exist_ok=True)
    for file in card.files:
        packed = tmp_path / file.name
        (tmp_path / folder / packed.name.removesuffix(".gz")).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    (tmp_path / "smallnorb" / "images.npy").unlink()
    assert data.state("smallnorb") == "ready"
    np.testing.assert_array_equal(load().images(np.arange(card.num_images)), expected)
    data.verify("smallnorb")


def test_every_combination_of_factor_values_has_all_instances(stand_in: StandIn) -> None:
    card = stand_in("smallnorb")
    factors = load().factors(np.arange(card.num_images))
    assert (np.unique(factors, axis=0, return_counts=True)[1] == card.options["instances"]).all()


def changed(kind: str, change: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    return lambda part, matrix: change(matrix) if part == kind else matrix


def later(row: int, column: int, value: int) -> Callable[[Any], Any]:
    def change(matrix: Any) -> Any:
        spoiled = matrix.copy()
        spoiled[row, column] = value
        return spoiled

    return change


@pytest.mark.parametrize(
    ("kind", "change", "fault"),
    [
        (
            "training-dat",
            lambda m: m[:, 0],
            r"training-dat\.mat\.gz is not a file of smallNORB: a matrix \(48, 96, 96\)",
        ),
        ("training-dat", lambda m: m[:-1], r"training-dat\.mat\.gz .*a matrix \(47, 2, 96, 96\), not \(48, 2"),
        ("testing-info", lambda m: m[:, :3], r"testing-info\.mat\.gz .*a matrix \(48, 3\)"),
        ("testing-info", later(0, 2, 38), r"testing-info\.mat\.gz or .* has a value that the card does not"),
        ("training-info", later(0, 0, -1), r"training-info\.mat\.gz or .* has a value that the card does not"),
    ],
)
def test_a_matrix_of_another_shape_or_with_another_value_is_named(
    stand_in: StandIn, kind: str, change: Callable[[Any], Any], fault: str
) -> None:
    stand_in("smallnorb", change=changed(kind, change))
    with pytest.raises(DataError, match=fault):
        load()


def test_a_photograph_that_is_there_twice_is_told(stand_in: StandIn) -> None:
    def twice(matrix: Any) -> Any:
        return np.concatenate([matrix[1:2], matrix[1:]])

    def change(part: str, matrix: Any) -> Any:
        return matrix if part.endswith("dat") else twice(matrix)

    stand_in("smallnorb", change=change)
    with pytest.raises(DataError, match="4 combinations of factors and instance have no image, or several"):
        load()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not enough values"),
        (b"\x00" * 40, "it begins with 0x0 and 0 dimensions"),
        (np.array([0x1E3D4C54, 1, 4, 1, 1, 7], "<i4").tobytes(), "cannot reshape"),
        (np.array([0x1E3D4C54, 1, 1, 1, 1, 7, 7], "<i4").tobytes(), "more bytes than its header says"),
    ],
)
def test_a_matrix_that_is_none_is_named(content: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "some.mat.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=rf"some\.mat\.gz is not a file of smallNORB: .*{fault}"):
        list(_rows(path, (None,)))
    path.write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(DataError, match=r"some\.mat\.gz is not a file of smallNORB"):
        list(_rows(path, (None,)))
