"""A contact sheet has a row for each factor, or each class, and two of random images."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from bench import data
from bench.data.base import Card, DataSet
from bench.data.sampling import of_card, sampled
from bench.report.sheet import CELL, DPI, GAP, HEAD, MARGIN, _classes, _figure, _joint, _random, _sweeps, draw_sheet

pytestmark = pytest.mark.long  # left out of `make check`


@pytest.mark.parametrize("dataset", ["dsprites", "cars3d", "mnist"], indirect=True)  # grey and coloured, and of classes
def test_a_contact_sheet_has_a_row_for_each_factor_or_class(dataset: DataSet, tmp_path: Path) -> None:
    draw_sheet(dataset, tmp_path / "new" / "sheet.png")
    sheet = imread(tmp_path / "new" / "sheet.png")
    rows = 2 + (len(dataset.card.factor_names) if dataset.card.grid else min(10, dataset.card.factor_sizes[0]))
    assert sheet.shape[0] == pytest.approx(DPI * (HEAD + rows * (CELL + GAP) + MARGIN), abs=1)
    assert sheet[..., :3].std() > 0.1


def test_a_row_sweeps_its_factor_or_holds_its_class(dataset: DataSet) -> None:
    for k, row in enumerate(_sweeps(dataset) if dataset.card.grid else _classes(dataset)):
        factors = dataset.factors(row.index)
        if dataset.card.grid:
            assert (np.diff(factors[:, k]) > 0).all()
            assert (np.delete(factors, k, axis=1) == np.delete(factors[:1], k, axis=1)).all()
        else:
            assert row.label == f"{dataset.card.factor_names[0]} {factors[0, 0]}"
            assert (factors[:, 0] == factors[0, 0]).all()


def test_what_training_draws_unevenly_is_shown_by_its_two_factors_the_rarer_the_darker() -> None:
    card = data.card("dsprites")
    near = sampled(
        data.load_data("dsprites"), of_card({"kind": "correlated", "pairs": [["y", "x"]], "sigma": 0.1}, card)
    )
    rows = _joint(near)
    assert [row.label for row in rows] == [f"x {x}" for x in (0, 3, 7, 10, 14, 17, 21, 24, 28, 31)]
    brightness = np.stack([row.brightness for row in rows])
    assert (brightness.argmax(axis=1) == np.arange(10)).all()
    assert brightness[0, 9] < 1e-6 < 0.5 < brightness.diagonal().min()
    held = sampled(data.load_data("dsprites"), of_card({"kind": "held_out", "held_out": "blank_side"}, card))
    shown = np.concatenate([row.index for row in _random(held)])
    assert (held.factors(shown)[:, 3] < 16).all()
    (remark,) = {row.remark for row in _joint(held)}
    seen = [row.brightness.astype(bool) for row in _joint(held)]
    assert np.array_equal(seen[0], np.arange(10) < 5) if remark == "against x" else remark == "against y"


def test_pictures_are_as_bright_as_their_combination_is_likely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class White(DataSet):
        def read(self, index: np.ndarray, epoch: np.ndarray) -> np.ndarray:
            return np.ones((len(index), 8, 8, 1), np.float32)

    card = Card("toy", "Toy", "toy", 4, (8, 8, 1), ("a", "b"), (2, 2), True, "", "", "", "")
    shown: list[float] = []
    monkeypatch.setattr("bench.report.sheet._picture", lambda figure, image, place: shown.append(image.mean()))
    draw_sheet(
        sampled(White(card), of_card({"kind": "held_out", "held_out": [{"a": 0, "b": 1}]}, card)), tmp_path / "a"
    )
    assert shown == [1, 0, 1, 1, *[1] * 20]


def test_a_sheet_says_what_dark_pictures_mean() -> None:
    whole = data.load_data("xyobject")
    subset = sampled(whole, of_card({"kind": "subset", "images": 100}, whole.card))
    said = [[text.get_text() for text in _figure(images).texts] for images in (whole, subset)]
    assert "75,000 images of 64 × 64 × 3" in said[0]
    assert "75,000 images of 64 × 64 × 3; the darker, the rarer in training" in said[1]
