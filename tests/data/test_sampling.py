"""What training draws of a data set: what a configuration says, in words that an id can hold, and no other rows."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import yaml

from bench import data
from bench.data.base import Card, DataSet
from bench.data.sampling import ALL, KINDS, of_card, of_entry, sampled
from bench.registry import UnknownNameError
from bench.store.record_types import is_line
from bench.store.shipped import conf_dir
from bench.table.rules import TEXT
from bench.values import ConfigError

SIZES = (3, 6, 1, 8, 4)
CARD = Card(
    "toy", "Toy", "toy", math.prod(SIZES), (8, 8, 1), ("shape", "scale", "colour", "x", "y"), SIZES, True, "", "", "",
    "", categorical=("shape",),
)  # fmt: skip
FACTORS = np.stack(np.unravel_index(np.arange(CARD.num_images), SIZES), axis=1)
BOXES = [{"shape": 0, "x": "4..7"}, {"scale": [0, "4..5"], "y": 3}]
ENTRIES: list[dict[str, Any]] = [
    {"kind": "correlated", "pairs": [["scale", "x"]], "sigma": 0.1},
    {"kind": "correlated", "pairs": [["y", "x"], ["shape", "scale"]], "sigma": 0.4, "inverse": True},
    {"kind": "correlated", "pairs": [["x", "all"]], "sigma": 0.2},
    {"kind": "held_out", "held_out": BOXES},
    {"kind": "held_out", "held_out": "composition", "share": 0.3},
    {"kind": "held_out", "held_out": "interpolation", "share": 0.3},
    {"kind": "held_out", "held_out": "extrapolation", "share": 0.3},
    {"kind": "held_out", "held_out": "random", "share": 0.25, "draw": 1},
    {"kind": "subset", "images": 100},
    {"kind": "subset", "images": 100, "draw": 2},
]


class Blank(DataSet):
    """Black images."""

    def read(self, index: np.ndarray, epoch: np.ndarray) -> np.ndarray:
        return np.zeros((len(index), *self.card.image_shape), np.float32)


def kept(entry: dict[str, Any], card: Card = CARD) -> np.ndarray:
    """The rows that a sampling may draw."""
    return of_card(entry, card).rows(card).every()


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_record_of_a_sampling_is_the_sampling_and_its_label_is_text_of_a_table(entry: dict[str, Any]) -> None:
    sampling = of_card(entry, CARD)
    assert of_entry(sampling.entry()) == of_card(sampling.entry(), CARD) == sampling
    assert is_line(sampling.label)
    assert TEXT[0].fullmatch(sampling.label)


def test_what_is_said_in_two_ways_is_one_sampling() -> None:
    def held(*boxes: dict[str, Any]) -> Any:
        return of_card({"kind": "held_out", "held_out": list(boxes)}, CARD)

    assert held({"x": "4..7", "shape": 0}, {"y": 1}) == held({"y": [1]}, {"shape": [0], "x": [7, "4..6"]})
    one, other = (of_card(ENTRIES[0] | {"pairs": [pair]}, CARD) for pair in (["scale", "x"], ["x", "scale"]))
    assert one == other
    dsprites = data.card("dsprites")
    blank = of_card({"kind": "held_out", "held_out": "blank_side", "share": 0.3}, dsprites)
    assert blank == of_card({"kind": "held_out", "held_out": [{"x": "16..31"}]}, dsprites)
    assert blank.label == "the blank side split"


def test_labels_are_short_and_tell_samplings_apart() -> None:
    labels = [of_card(entry, CARD).label for entry in ENTRIES]
    assert labels == [
        "scale-x correlated, sigma 0.1", "shape-scale, x-y inversely correlated, sigma 0.4",
        "shape-x, scale-x, x-y correlated, sigma 0.2", "all but scale 0+4..5 and y 3, or shape 0 and x 4..7",
        "the composition split", "the interpolation split", "the extrapolation split",
        "all but a random share of 0.25, draw 1", "100 images",
        "100 images, draw 2",
    ]  # fmt: skip
    scattered = [{"x": x, "y": y, "scale": s} for x in range(8) for y in range(2) for s in (1, 4)]
    one, other = (of_card({"kind": "held_out", "held_out": boxes}, CARD).label for boxes in (scattered, scattered[1:]))
    assert one.startswith("all but 32 parts of the grid, ")
    assert len({one, other}) == 2


@pytest.mark.parametrize("entry", ENTRIES[:3])
def test_chances_of_correlated_factors_are_those_of_the_closed_form(entry: dict[str, Any]) -> None:
    rows = of_card(entry, CARD).rows(CARD)
    chances = np.zeros(CARD.num_images)
    chances[(rows.firsts[:, None] + rows.rests).ravel()] = np.repeat(rows.chances / rows.chances.sum(), len(rows.rests))
    expected = np.ones(CARD.num_images)
    scaled = FACTORS / np.maximum(np.array(SIZES) - 1, 1)
    others = [n for n in CARD.factor_names if n not in ("x", "colour")]
    for first, second in entry["pairs"] if entry["pairs"][0][1] != "all" else product(["x"], others):
        one, other = (scaled[:, CARD.factor_names.index(name)] for name in (first, second))
        expected *= np.exp(-((one - (1 - other if entry.get("inverse") else other)) ** 2) / (2 * entry["sigma"] ** 2))
    np.testing.assert_allclose(chances / len(rows.rests), expected / expected.sum(), rtol=1e-9)


@pytest.mark.parametrize("sigma", [1e-300, 1e300])
@pytest.mark.parametrize("inverse", [False, True])
def test_the_smallest_sigma_leaves_the_nearest_and_the_largest_all_alike(sigma: float, inverse: bool) -> None:
    pairs = [["shape", "scale"], ["scale", "x"], ["shape", "x"]]  # of which inverse not all can hold
    chances = (
        of_card({"kind": "correlated", "pairs": pairs, "sigma": sigma, "inverse": inverse}, CARD).rows(CARD).chances
    )
    assert set(chances) == ({0.0, 1.0} if sigma < 1 else {1.0})


def test_bounds_of_chances_are_exact_to_two_to_the_62() -> None:
    rows = of_card(ENTRIES[0], CARD).rows(CARD)
    shares = np.diff(rows.bounds(), prepend=0) / 2.0**62
    np.testing.assert_allclose(shares, rows.chances / rows.chances.sum(), rtol=1e-9, atol=1e-15)
    assert rows.bounds()[-1] == 2**62


def test_what_is_held_out_is_what_the_predicates_say() -> None:
    shape, scale, _, x, y = FACTORS.T
    out = ((shape == 0) & (x >= 4)) | (np.isin(scale, [0, 4, 5]) & (y == 3))
    assert np.array_equal(kept(ENTRIES[3]), np.flatnonzero(~out))


def test_splits_by_rule_are_what_their_names_say() -> None:
    ordered = [1, 3, 4]
    dsprites = data.card("dsprites")
    for entry in ENTRIES[4:7]:
        assert abs(len(of_card(entry, dsprites).rows(dsprites)) / dsprites.num_images - 0.7) < 0.01
    composition, interpolation, extrapolation = (FACTORS[kept(entry)] for entry in ENTRIES[4:7])
    for i in ordered:
        assert set(composition[:, i]) == {*range(SIZES[i])}  # each value is seen
        unseen = {*range(SIZES[i])} - set(interpolation[:, i])
        assert unseen <= {*range(1, SIZES[i] - 1)}
        assert unseen
        assert set(extrapolation[:, i]) == {*range(extrapolation[:, i].max() + 1)} < {*range(SIZES[i])}
    assert all(set(part[:, 0]) == {0, 1, 2} for part in (composition, interpolation, extrapolation))  # without order
    assert not (composition[:, ordered] == np.array(SIZES)[ordered] - 1).all(axis=1).any()


@pytest.mark.parametrize(
    ("split", "dataset", "share", "predicate"),
    [
        ("blank_side", "dsprites", 1 / 2, lambda v: v["x"] > 0.5),
        ("recombination_to_range", "dsprites", 1 / 6, lambda v: (v["shape"] == 0) & (v["x"] > 0.5)),
        (
            "recombination_to_element", "dsprites", 4 * 12 * 11 * 11 / 737_280,
            lambda v: (v["shape"] == 0.5) & (v["scale"] > 0.2001) & (abs(v["orientation"] - 0.5) < 0.166)
            & (v["x"] > 0.66) & (v["y"] > 0.66),
        ),
        ("recombination_to_range", "shapes3d", 1 / 8, lambda v: (v["shape"] == 1) & (v["object_hue"] > 0.5)),
        ("blank_side", "mpi3d_toy", 1 / 2, lambda v: v["horizontal_axis"] > 0.5),
        ("blank_side", "shapes3d", 1 / 2, lambda v: v["floor_hue"] > 0.5),
        (
            "recombination_to_range", "mpi3d_toy", 1 / 12,
            lambda v: (v["object_shape"] == 2 / 5) & (v["horizontal_axis"] < 0.5),
        ),
        (
            "recombination_to_element", "shapes3d", 2 * 2 * 2 * 3 * 3 / 480_000,
            lambda v: (np.minimum(np.minimum(v["floor_hue"], v["wall_hue"]), v["object_hue"]) > 0.8)
            & (v["scale"] > 0.7) & (v["shape"] == 1 / 3) & (v["azimuth"] > 0.8),
        ),
    ],
)  # fmt: skip
def test_monteros_splits_hold_out_what_their_code_does(split: str, dataset: str, share: float, predicate: Any) -> None:
    card = data.card(dataset)
    rows = kept({"kind": "held_out", "held_out": split, "share": 0.3}, card)
    assert len(rows) == card.num_images - round(share * card.num_images)
    drawn = np.zeros(card.num_images, bool)
    drawn[rows] = True
    some = np.append(np.random.default_rng(0).choice(card.num_images, 20_000), np.flatnonzero(~drawn)[:100])
    columns = np.unravel_index(some, card.factor_sizes)
    values = {n: c / (s - 1) for n, c, s in zip(card.factor_names, columns, card.factor_sizes, strict=True)}
    assert np.array_equal(drawn[some], ~predicate(values))


def test_random_parts_are_of_their_size_fixed_by_their_number_and_nested() -> None:
    small, large, other = (kept({"kind": "subset", **more}) for more in (
        {"images": 50}, {"images": 100}, {"images": 50, "draw": 1}))  # fmt: skip
    assert (len(small), len(large)) == (50, 100)
    assert set(small) < set(large)
    assert not np.array_equal(small, other)
    assert len(kept({"kind": "subset", "images": CARD.num_images})) == CARD.num_images
    assert len(kept(ENTRIES[7])) == CARD.num_images - round(0.25 * CARD.num_images)


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        ({"kind": "corelated"}, UnknownNameError, "unknown kind of sampling 'corelated'. Did you mean 'correlated'"),
        ({}, ConfigError, "sampling lacks kind"),
        ({"kind": "subset"}, ConfigError, "sampling=subset lacks images"),
        (ENTRIES[0] | {"sigm": 1}, UnknownNameError, "unknown key of sampling=correlated 'sigm'. Did you mean 'sigma'"),
        (ENTRIES[0] | {"pairs": [["x", "x"]]}, ConfigError, "'x' is correlated with itself"),
        (ENTRIES[0] | {"pairs": [["x", "scal"]]}, UnknownNameError, "factor of toy 'scal'. Did you mean 'scale'"),
        (ENTRIES[0] | {"pairs": [["x", "colour"]]}, ConfigError, "colour of toy has one value"),
        (ENTRIES[0] | {"pairs": [["x", "y"], ["y", "x"]]}, ConfigError, "sampling.pairs has x-y twice"),
        (ENTRIES[0] | {"pairs": [["all", "all"]]}, ConfigError, "'all' is correlated with itself"),
        (ENTRIES[0] | {"pairs": []}, ConfigError, r"must be pairs of factors, as \[\[scale,x\]\], got \[\]"),
        (ENTRIES[0] | {"pairs": ["xy"]}, ConfigError, "must be pairs of factors"),
        (ENTRIES[0] | {"pairs": None}, ConfigError, "must be pairs of factors"),
        (ENTRIES[0] | {"pairs": [[1, 2]]}, UnknownNameError, "unknown factor of toy '1'"),
        (ENTRIES[0] | {"sigma": 0}, ConfigError, "sampling.sigma must be a positive number, got 0"),
        (ENTRIES[0] | {"sigma": -1}, ConfigError, "sampling.sigma must be a positive number, got -1"),
        (ENTRIES[0] | {"inverse": 1}, ConfigError, "sampling.inverse must be true or false"),
        (ENTRIES[8] | {"images": 577}, ConfigError, "sampling.images is 577: toy has 576 images"),
        (ENTRIES[8] | {"images": 0}, ConfigError, "sampling.images must be a whole number from 1"),
        ({"kind": "held_out", "held_out": [{"z": 1}]}, UnknownNameError, "unknown factor of toy 'z'"),
        ({"kind": "held_out", "held_out": [{"x": 8}]}, ConfigError, "x of toy has values 0..7, got 8"),
        ({"kind": "held_out", "held_out": [{"x": "7..4"}]}, ConfigError, "whole numbers from 0, or spans"),
        ({"kind": "held_out", "held_out": [{"x": -1}]}, ConfigError, "whole numbers from 0, or spans"),
        ({"kind": "held_out", "held_out": [{"x": []}]}, ConfigError, "x has no value"),
        ({"kind": "held_out", "held_out": [{"x": "0..7"}]}, ConfigError, "sampling.held_out keeps nothing of toy"),
        ({"kind": "held_out", "held_out": [{}]}, ConfigError, "a predicate without a factor"),
        ({"kind": "held_out", "held_out": []}, ConfigError, "the name of a split, or predicates"),
        ({"kind": "held_out", "held_out": [3]}, ConfigError, "must be names with values"),
        ({"kind": "held_out", "held_out": "interpolate"}, UnknownNameError, "Did you mean 'interpolation'"),
        ({"kind": "held_out", "held_out": "blank_side"}, ConfigError, "of dsprites, shapes3d and mpi3d: give predicat"),
        (ENTRIES[7] | {"share": 1.5}, ConfigError, "sampling.share must be between 0 and 1, got 1.5"),
        (ENTRIES[7] | {"share": 1e-6}, ConfigError, "sampling.held_out holds nothing out of toy"),
        (ENTRIES[7] | {"share": 1 - 1e-6}, ConfigError, "sampling.held_out keeps nothing of toy"),
    ],
)
def test_what_a_data_set_cannot_give_is_named(entry: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        of_card(entry, CARD)


@pytest.mark.parametrize("entry", [ENTRIES[0], ENTRIES[3], ENTRIES[7]])
def test_factors_of_a_grid_are_needed_but_for_a_subset(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"sampling={entry['kind']} goes by the factors of a grid: mnist has no"):
        of_card(entry, data.card("mnist"))
    assert len(kept(ENTRIES[8], data.card("mnist"))) == 100
    with pytest.raises(ConfigError, match="goes by ordered factors of three values: toy has none"):
        of_card(ENTRIES[4], replace(CARD, categorical=CARD.factor_names))


def test_every_kind_has_a_configuration_of_its_name_and_keys() -> None:
    files = {file.stem: yaml.safe_load(file.read_text()) for file in (conf_dir() / "sampling").glob("*.yaml")}
    assert {name: {*entry} for name, entry in files.items()} == {
        name: {"kind", "each", *kind.keys} for name, kind in KINDS.items()
    }
    assert all(entry["kind"] == name and entry["each"] is None for name, entry in files.items())


def test_learners_that_are_fitted_choose_from_the_same_rows() -> None:
    held = of_card(ENTRIES[3], CARD)
    toy, rng = sampled(Blank(CARD), held), np.random.default_rng(0)
    chosen = toy.choose(rng, 10_000)
    assert np.array_equal(np.sort(chosen), kept(ENTRIES[3]))  # all of them, once each
    assert len(toy.choose(rng, 20)) == 20
    strong = sampled(Blank(CARD), of_card(ENTRIES[0] | {"sigma": 0.02}, CARD)).choose(rng, 500)
    scale, x = FACTORS[strong][:, 1] / 5, FACTORS[strong][:, 3] / 7
    assert len(strong) == 500
    assert np.abs(scale - x).max() < 0.1
    plain = Blank(CARD)
    assert sampled(plain, ALL) is plain
    assert np.array_equal(
        plain.choose(np.random.default_rng(5), 7), np.random.default_rng(5).choice(CARD.num_images, 7, replace=False)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"held_out": "blank_side", "share": 0.1}, "sampling.share goes with .*extrapolation, not with blank_side"),
     ({"held_out": "composition", "draw": 3}, "sampling.draw goes with sampling.held_out=random, not with composition"),
     ({"held_out": [{"shape": 0}], "share": 0.5}, "not with predicates")],
)  # fmt: skip
def test_a_key_that_a_split_does_not_read_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        of_card({"kind": "held_out"} | settings, data.card("dsprites"))
