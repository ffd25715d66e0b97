"""A contact sheet has a row for each factor, or each class, and two of random images."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from bench.data.base import DataSet
from bench.report.sheet import CELL, DPI, GAP, HEAD, MARGIN, _classes, _sweeps, draw_sheet

pytestmark = pytest.mark.long  # left out of `make check`


def test_a_contact_sheet_has_a_row_for_each_factor_or_class(dataset: DataSet, tmp_path: Path) -> None:
    draw_sheet(dataset, tmp_path / "new" / "sheet.png")
    sheet = imread(tmp_path / "new" / "sheet.png")
    rows = 2 + (len(dataset.card.factor_names) if dataset.card.grid else min(10, dataset.card.factor_sizes[0]))
    assert sheet.shape[0] == round(DPI * (HEAD + rows * (CELL + GAP) + MARGIN))
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
