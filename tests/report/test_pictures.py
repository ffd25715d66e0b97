"""Pictures show the best, median and worst run, their dimensions by falling KL, and move to and fro."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.data import base
from bench.models.base import Learner, State
from bench.report.dots import length
from bench.report.model_page import model_page
from bench.report.moving import TEXT, write_traversals
from bench.report.pictures import ranked
from bench.report.sights import SHOWN, SPAN, look
from bench.study.run import Run, Schedule

SCHEDULE = Schedule(700, 32, 1e-3, 32, "small", 3, 1, "quick", 500, 50)


def run(seed: int, value: float = 4.0) -> Run:
    return Run("beta_vae", 1, False, {"beta": value}, "beta", 2, value, seed, "made", 1, SCHEDULE)


class Stripes(base.DataSet):
    """Images of one grey each, its number."""

    def __init__(self, channels: int) -> None:
        card = {"name": "made", "title": "Made", "loader": "made", "num_images": 40, "image_shape": (32, 32, channels)}
        told = dict.fromkeys(("licence", "citation", "homepage", "description"), "")
        super().__init__(base.Card(**card, **told, factor_names=("n",), factor_sizes=(40,), grid=True))

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.broadcast_to(
            (index / 40).astype(np.float32)[:, None, None, None], (len(index), *self.card.image_shape)
        )


class Known(Learner):
    """Dimension k has mean k times the image's grey; an image is the sigmoid of its code's last dimension."""

    def __init__(self, channels: int, variance: bool = True) -> None:
        self.channels, self.variance = channels, variance

    def encode(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        mean = images[:, 0, 0, :1] * np.arange(3, dtype=np.float32)
        return mean, np.zeros_like(mean) if self.variance else None

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        grey = 1 / (1 + np.exp(-codes[:, -1:, None, None]))
        return np.broadcast_to(grey, (len(codes), 32, 32, self.channels)).astype(np.float32)

    def state(self) -> State:
        return {}

    def load(self, state: object) -> None:
        pass


def test_the_best_median_and_worst_of_a_group_are_chosen() -> None:
    runs = [run(k) for k in range(5)]
    values = {r.id: v for r, v in zip(runs, (0.3, 0.1, 0.5, 0.2, 0.4), strict=True)}
    chosen = {label: r.seed for label, r in ranked(runs, values, "mig").items()}
    assert chosen == {"best MIG 0.500": 2, "median MIG 0.300": 0, "worst MIG 0.100": 1}
    assert list(chosen) == ["best MIG 0.500", "median MIG 0.300", "worst MIG 0.100"]


def test_the_best_run_is_the_lowest_where_lower_is_better() -> None:
    runs = [run(k) for k in range(3)]
    values = {r.id: v for r, v in zip(runs, (40.0, 20.0, 30.0), strict=True)}
    for score, ends in (("reconstruction", ("best", "worst")), ("kl_dim_0", ("lowest", "highest"))):
        chosen = {label.split()[0]: r.seed for label, r in ranked(runs, values, score).items()}
        assert chosen == {ends[0]: 1, "median": 2, ends[1]: 0}


@pytest.mark.parametrize(("count", "labels"), [(1, ["best"]), (2, ["best", "worst"]), (3, ["best", "median", "worst"])])
def test_no_run_is_shown_twice(count: int, labels: list[str]) -> None:
    runs = [run(k) for k in range(count)]
    chosen = ranked(runs, {r.id: float(r.seed) for r in runs}, "mig")
    assert [label.split()[0] for label in chosen] == labels
    assert len({r.id for r in chosen.values()}) == count


def test_without_the_score_the_middle_strength_is_shown() -> None:
    runs = [run(seed, value) for value in (1.0, 4.0, 16.0) for seed in (1, 0)]
    assert ranked(runs, {}, "mig") == {"middle strength": run(0, 4.0)}


def test_settings_of_one_seed_each_stand_side_by_side_by_their_value() -> None:
    runs = [dataclasses.replace(run(0, value), strength_index=k) for k, value in ((5, 16.0), (0, 1.0), (None, 2.5))]
    shown = ranked(runs, {runs[1].id: 0.3}, "mig")
    assert list(shown.values()) == [runs[1], runs[2], runs[0]]
    assert list(shown) == ["beta 1: MIG 0.300", "beta 2.5", "beta 16"]
    many = [run(0, float(value)) for value in range(1, 8)]
    assert list(ranked(many, {}, "mig")) == ["middle strength"]


def test_more_than_three_runs_stand_in_rows() -> None:
    data, learner = Stripes(1), Known(1)
    sights = [look(learner, data, run(0, float(value)), "one") for value in range(1, 7)]
    three, six = model_page(sights[:3]), model_page(sights)
    assert six.width == three.width
    assert three.height < six.height < 2 * three.height
    below = np.asarray(six)[-three.height :]
    assert (below[100:-60] < 255).any()


def test_dimensions_come_in_falling_order_of_kl_and_walks_change_one_alone() -> None:
    seen = look(Known(1), Stripes(1), run(0), "best", stations=5)
    assert seen.statistics["dim"].tolist() == [2, 1, 0]
    greys = np.stack([i[0, 0, 0] for i in Stripes(1).images(np.arange(40))])
    np.testing.assert_allclose(seen.statistics["kl"], [0.5 * np.mean((k * greys) ** 2) for k in (2, 1, 0)], rtol=1e-5)
    assert seen.captions[2] == "z0  0.00"
    expected = 1 / (1 + np.exp(-np.linspace(-SPAN, SPAN, 5)))
    np.testing.assert_allclose(seen.walks[0, :, 0, 0, 0], expected, rtol=1e-5)
    assert (np.ptp(seen.walks[1:], axis=1) == 0).all()


def test_every_run_on_a_data_set_is_shown_the_same_images_and_samples() -> None:
    first, second = (look(Known(1), Stripes(1), run(k), "best") for k in (0, 1))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.samples, second.samples)


def test_a_code_without_variance_is_ordered_by_its_own() -> None:
    seen = look(Known(1, variance=False), Stripes(1), run(0), "best")
    assert list(seen.statistics) == ["dim", "variance", "mean_variance"]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_holds_every_image_whole(channels: int) -> None:
    sights = [look(Known(channels), Stripes(channels), run(k), "best MIG 0.500", 17) for k in range(3)]
    page = np.asarray(model_page(sights))
    blank = (page == 255).all(axis=2)
    assert blank[[0, -1]].all()
    assert blank[:, [0, -1]].all()
    decoded = np.round(255 * sights[2].decoded[-1, 0, 0, 0])
    squares = (page == decoded).all(axis=2)
    assert squares.sum() >= 64 * 64
    assert sights[0].walks[:, ::2].shape[1] == SHOWN


@pytest.mark.parametrize("channels", [1, 3])
def test_the_moving_picture_goes_to_and_fro_without_end(channels: int, tmp_path: Path) -> None:
    sights = [look(Known(channels), Stripes(channels), run(k), "best MIG 0.500", 5) for k in range(2)]
    write_traversals(sights, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as moving:
        assert moving.n_frames == 8
        assert moving.info["loop"] == 0
        greys = []
        for frame in range(8):
            moving.seek(frame)
            greys.append(np.asarray(moving.convert("L"))[60, 30])
    expected = 255 / (1 + np.exp(-np.linspace(-SPAN, SPAN, 5)))
    np.testing.assert_allclose(greys, expected[[0, 1, 2, 3, 4, 3, 2, 1]], atol=8)


def test_what_a_dimension_carries_has_room_above_images_that_are_narrower(tmp_path: Path) -> None:
    seen = look(Known(1, variance=False), Stripes(1), run(0), "best", 5)
    wide = dataclasses.replace(seen, statistics=seen.statistics.assign(variance=123456.789))
    write_traversals([wide], tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as moving:
        assert moving.width >= sum(length(text, TEXT) for text in wide.captions)
