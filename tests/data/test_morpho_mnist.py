"""Digits are measured as Morpho-MNIST's authors measured them; classes are shares of all digits."""

from collections.abc import Callable

import numpy as np
import pytest

from bench import data
from bench.data.base import Card, DataSet
from bench.data.handwriting import measured

# thickness, slant, width and length of digits of MNIST's test part, as the authors published them (t10k-morpho.csv)
PUBLISHED = {
    0: (2.1105713845432934, 0.07096856779614502, 15.124337686154758, 36.25609665440987),
    1: (2.650075252916716, -0.17388570430491587, 17.593874637598887, 43.54898987322332),
    2: (1.8666407206805136, 0.29039224236798405, 3.6797115873352055, 22.545941546018394),
    3: (3.480515906745963, 0.07237366221274569, 14.71274607758027, 45.24873734152915),
    5: (2.5626643383173593, 0.2959885109996295, 4.413248810747714, 22.399494936611667),
    7: (2.42433411968152, -0.5161843238503535, 10.924606884223593, 39.85229073212242),
    18: (2.740053228416144, -0.5046154190259544, 15.7999078313876, 52.66295090390226),
    25: (4.354954429941938, 0.2393543971155642, 18.441882924556875, 52.54467888754754),
    33: (2.253889390687795, 0.24353874418751467, 17.390303055767863, 46.08452377915606),
    40: (1.5590171958677217, 0.03562366336392515, 3.533723418997228, 19.389087296526014),
    54: (2.380272107846401, -0.3361023492974967, 20.14256298789088, 64.78731957466681),
    93: (4.454610754072477, 0.036088245460040067, 11.471210534192076, 32.88477631085024),
}


@pytest.fixture
def written(stand_in: Callable[..., Card]) -> DataSet:
    stand_in("morpho_mnist")
    return data._loaded.__wrapped__("morpho_mnist")


def test_measures_are_the_published_ones(digits: DataSet) -> None:
    images = digits.images(60_000 + np.array(list(PUBLISHED)))[:, 4:60:2, 4:60:2, 0]
    found = [measured(np.rint(255 * image).astype(np.uint8)) for image in images]
    np.testing.assert_allclose(found, list(PUBLISHED.values()), rtol=0, atol=1e-4)


def test_a_slanted_bar_is_measured_as_it_is_drawn() -> None:
    row, column = np.mgrid[:28, :28]
    bar = (abs(row - 13.5) <= 8) & (abs(column - 13.5 - (13.5 - row) / 4) <= 2)
    thickness, slant, width, length = measured(255 * bar.astype(np.uint8))
    assert thickness == pytest.approx(4 * np.cos(slant), abs=0.6)
    assert slant == pytest.approx(np.arctan(1 / 4), abs=0.02)
    assert width == pytest.approx(4.5, abs=0.7)  # smoothed at its sides
    assert length == pytest.approx(16 / np.cos(slant), abs=5)


def test_a_black_image_measures_nothing() -> None:
    assert measured(np.zeros((28, 28), np.uint8)) == (0, 0, 0, 0)


def test_classes_are_equal_shares_of_all_digits_in_the_order_of_values(written: DataSet) -> None:
    index = np.arange(len(written))
    values, factors = written.values(index)[:, 1:], written.factors(index)[:, 1:]
    for value, factor in zip(values.T, factors.T, strict=True):
        assert value[factor == 0].max() < value[factor == 1].min()
        assert abs((factor == 0).mean() - 0.5) < 0.2  # values that are equal are of one class


def test_digits_are_measured_once(written: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.data.morpho_mnist.measured", lambda digit: pytest.fail("it was measured again"))
    again = data._loaded.__wrapped__("morpho_mnist")
    np.testing.assert_array_equal(again.values([3, 7]), written.values([3, 7]))
