"""What every data set keeps to, shipped or from another distribution."""

import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench import data
from bench.data.base import DataSet


def peak_mb(call: Callable[[], Any]) -> float:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_the_card_is_complete(dataset: DataSet) -> None:
    card = dataset.card
    assert len(dataset) == card.num_images
    assert all((card.title, card.licence, card.citation, card.description))
    assert card.homepage.startswith("https://")
    assert all(file.own or file.checksum for file in card.files)


def test_its_files_are_ready_once_it_is_open(dataset: DataSet) -> None:
    assert data.state(dataset.card.name) == "ready"
    data.verify(dataset.card.name)


def test_images_are_float32_in_the_unit_interval_of_the_cards_shape(dataset: DataSet) -> None:
    images = dataset.images([0, 5, len(dataset) - 1])
    assert images.shape == (3, *dataset.card.image_shape)
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    assert images.min() >= 0
    assert 0 < images.max() <= 1


def test_factors_lie_below_their_sizes_and_lead_back_to_the_index(dataset: DataSet) -> None:
    index = np.random.default_rng(0).integers(len(dataset), size=100)
    factors = dataset.factors(index)
    assert factors.dtype == np.int64
    assert (factors >= 0).all()
    assert (factors < dataset.card.factor_sizes).all()
    if dataset.card.grid:
        np.testing.assert_array_equal(dataset.index(factors), index)
    else:
        with pytest.raises(ValueError, match="no factor grid"):
            dataset.index(factors)


def test_values_are_finite_floats_that_rise_with_the_classes(dataset: DataSet) -> None:
    index = np.random.default_rng(0).integers(len(dataset), size=100)
    values, factors = dataset.values(index), dataset.factors(index)
    assert values.dtype == np.float64
    assert values.shape == factors.shape
    assert np.isfinite(values).all()
    for value, factor in zip(values.T, factors.T, strict=True):
        order = np.lexsort((value, factor))
        assert (np.diff(value[order]) >= 0).all()


def test_an_image_is_a_function_of_index_and_epoch_alone(dataset: DataSet) -> None:
    index, epoch = np.arange(7, 47, 2), np.arange(20)
    together = dataset.images(index, epoch)
    alone = np.concatenate([dataset.images([i], int(e)) for i, e in zip(index, epoch, strict=True)])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[::-1], dataset.images(index[::-1], epoch[::-1]))


def test_an_empty_batch_has_no_images(dataset: DataSet) -> None:
    none = np.array([], np.int64)
    assert dataset.images(none).shape == (0, *dataset.card.image_shape)
    assert dataset.factors(none).shape == (0, len(dataset.card.factor_sizes))


@pytest.mark.parametrize("index", [[-1], [10**7], [[0]], [0.5], [True]])
def test_an_index_outside_the_data_set_is_refused(dataset: DataSet, index: list[Any]) -> None:
    with pytest.raises(IndexError):
        dataset.images(index)
    with pytest.raises(IndexError):
        dataset.factors(index)


def test_an_epoch_that_is_not_whole_is_refused(dataset: DataSet) -> None:
    with pytest.raises(TypeError):
        dataset.images([0], 0.5)


def test_factor_values_that_do_not_exist_are_named(dataset: DataSet) -> None:
    if not dataset.card.grid:
        return
    outside = np.zeros((1, len(dataset.card.factor_sizes)), np.int64)
    outside[0, -1] = dataset.card.factor_sizes[-1]
    with pytest.raises(ValueError, match=rf"{dataset.card.factor_names[-1]} of .* has values 0\.\."):
        dataset.index(outside)
    for wrong in (outside[0], outside / 2, outside[:, :-1]):
        with pytest.raises(ValueError, match="factors must be integers"):
            dataset.index(wrong)


def test_neither_opening_nor_reading_takes_memory(dataset: DataSet) -> None:
    index = np.random.default_rng(0).integers(len(dataset), size=64)
    batch_mb = dataset.images(index).nbytes / 1e6
    assert peak_mb(lambda: data._loaded.__wrapped__(dataset.card.name)) < 5
    assert peak_mb(lambda: dataset.images(index)) < 3 * batch_mb


def test_another_process_gets_the_data_set_without_its_images(dataset: DataSet) -> None:
    sent = pickle.dumps(dataset)
    assert len(sent) < 10_000
    np.testing.assert_array_equal(pickle.loads(sent).images([3], 2), dataset.images([3], 2))
