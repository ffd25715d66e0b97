"""Images that training never draws are scored by name: read alone, or the test of what was fitted to the others."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.data.base import Card, DataSet
from bench.data.sampling import of_card
from bench.metrics.base import SkippedError
from bench.scoring.codes import Codes
from bench.scoring.runs import HELD_OUT, PUBLISHED, cells
from bench.scoring.subjects import OfRun
from bench.study.grid import usable
from bench.study.plan import Plan
from bench.study.run import Frozen, Run, Schedule
from bench.table.identities import check_identities
from bench.testing.learners import SIZE, QuarterCode
from bench.values import ConfigError

CARD = Card("toy", "Toy", "toy", 600, (SIZE, SIZE, 1), ("a", "b"), (20, 30), True, "", "", "", "")
FACTORS = np.stack(np.unravel_index(np.arange(600), CARD.factor_sizes), axis=1)
UNSEEN = of_card({"kind": "held_out", "held_out": [{"a": "15..19"}]}, CARD).held_out(CARD)
PROTOCOL = dataclasses.replace(PUBLISHED, also_held_out=("linear_r2", "mig", "elbo"))


class Watched(DataSet):
    """Black images, and which of them were read."""

    def __init__(self) -> None:
        super().__init__(CARD)
        self.seen: set[int] = set()

    def read(self, index: np.ndarray, epoch: np.ndarray) -> np.ndarray:
        self.seen |= set(index.tolist())
        return np.zeros((len(index), SIZE, SIZE, 1), np.float32)


def cell(metric: str, kind: str = HELD_OUT) -> Any:
    (found,) = (c for c in cells([metric], PROTOCOL) if c.representation == kind)
    return found


def subject(codes: np.ndarray, rows: np.ndarray | None = None, held_out: Any = UNSEEN) -> OfRun:
    rows = np.arange(600) if rows is None else rows
    return OfRun("a run", Codes(codes[rows].astype(np.float32), None, rows), FACTORS[rows], None, held_out)


def test_cells_of_images_held_out_are_asked_besides_and_the_others_keep_their_keys() -> None:
    metrics = ["linear_r2", "mig", "elbo", "dci"]
    before, after = cells(metrics, PUBLISHED), cells(metrics, PROTOCOL)
    assert [c for c in after if c.representation != HELD_OUT] == before
    assert [c.metric for c in after if c.representation == HELD_OUT] == ["linear_r2", "mig", "elbo"]


def test_what_is_fitted_is_fitted_to_images_that_training_draws_and_tested_on_those_held_out() -> None:
    (values,), rows = subject(FACTORS).evaluate(cell("linear_r2"))
    assert values["r2"] == pytest.approx(1)
    assert rows == {"num_train": 450, "num_test": 150}
    turned = np.where(np.isin(np.arange(600), UNSEEN)[:, None], -FACTORS, FACTORS)  # as held-out images are not fitted
    assert subject(turned).evaluate(cell("linear_r2"))[0][0]["r2"] < 0
    assert subject(turned).evaluate(cell("linear_r2", "mean"))[0][0]["r2"] > 0


def test_a_metric_of_points_reads_images_that_are_held_out_alone() -> None:
    noise = np.random.default_rng(0).normal(size=(600, 2))
    known = np.where(np.isin(np.arange(600), UNSEEN)[:, None], FACTORS, noise)
    (values,), rows = subject(known).evaluate(cell("mig"))
    assert rows == {"num_points": 150}
    assert values["mig"] > 0.5


def test_a_metric_of_models_is_shown_images_that_are_held_out_alone() -> None:
    images = Watched()
    of_model = OfRun("a run", None, None, (QuarterCode(), images), UNSEEN)
    assert of_model.evaluate(cell("elbo"))[1] == {"num_points": 150}
    assert images.seen == set(UNSEEN.tolist())
    of_model.evaluate(cell("elbo", "mean"))
    assert images.seen == {*range(600)}


def test_where_nothing_is_held_out_they_are_skipped_with_the_reason() -> None:
    with pytest.raises(SkippedError, match="no image is held out: training may draw every one"):
        subject(FACTORS, held_out=None).evaluate(cell("mig"))
    with pytest.raises(SkippedError, match="of the 40 images that are encoded 0 are held out"):
        subject(FACTORS, np.arange(40)).evaluate(cell("mig"))


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        ({"kind": "all"}, None),
        ({"kind": "correlated", "pairs": [["a", "b"]], "sigma": 0.01}, None),
        ({"kind": "subset", "images": 600}, None),
        ({"kind": "subset", "images": 599}, 1),
        ({"kind": "held_out", "held_out": "random", "share": 0.5}, 300),
    ],
)
def test_what_a_sampling_holds_out_is_what_it_never_draws(entry: dict[str, Any], count: int | None) -> None:
    found = of_card(entry, CARD).held_out(CARD)
    assert (None if found is None else len(found)) == count


def test_they_are_not_asked_of_a_group() -> None:
    asked = Plan("mine", "Mine", (), ("udr",), dataclasses.replace(PUBLISHED, also_held_out=("udr",)))
    with pytest.raises(ConfigError, match="also_held_out holds udr, which reads a group"):
        usable(asked, ["udr"])


def test_a_table_that_tells_of_another_sampling_than_the_id_is_refused() -> None:
    nine = of_card({"kind": "subset", "images": 9}, CARD)
    schedule = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
    run = Run("pca", 1, True, Frozen(), None, None, None, 0, "dsprites", 1, schedule, sampling=nine)
    row = {"run": run.id, "model": "pca", "hyperparameter": np.nan, "strength_index": pd.NA, "value": np.nan, "seed": 0,
           "dataset": "dsprites", "cell": "x", "metric": "mig", "version": 1, "representation": "mean"}  # fmt: skip
    said = pd.DataFrame([row | {"schedule": run.label}])
    assert check_identities({run.id: run.config()}, said) == 0
    with pytest.raises(ValueError, match="another sampling in the table than in what its id is the hash of"):
        check_identities({run.id: run.config()}, said.assign(schedule=run.schedule.label))
