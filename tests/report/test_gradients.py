"""The picture of gradient estimators shows what was trained, and measures all of them at the same weights."""

from pathlib import Path

import pandas as pd
import pytest

from bench.pool import Here
from bench.report import gradients
from bench.report.gradients import draw_gradients
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule
from bench.training.train import train

SCHEDULE = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
PROTOCOL = Protocol("quick", None, None, None, None, ("mean",), (), {})


def run(model: str, swept: str, value: float) -> Run:
    return Run(model, 1, False, Frozen({swept: value}), swept, 0, value, 0, "mnist", 1, SCHEDULE)


VAE = run("beta_vae", "beta", 1.0)
RUNS = (VAE, run("score_function_vae", "baseline", 0.0), run("score_function_vae", "baseline", 1.0))


def drawn(runs: tuple[Run, ...], folder: Path) -> list[Path]:
    store = Store(folder)
    for one in runs:
        train([one], store, "cpu", lambda steps, note: None)
    outcomes = draw_gradients(Plan("g", "G", runs, (), PROTOCOL), store, Here())
    return [picture for o in outcomes if (picture := o.picture)]


def test_the_picture_shows_curves_and_variances_of_three_estimators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "DRAWS", 12)
    (picture,) = drawn(RUNS, tmp_path)
    assert picture.name == "gradient_variance_mnist.png"
    table = pd.read_csv(picture.with_suffix(".csv"))
    assert list(table.groupby("estimator")["step"].max()) == [6, 6, 6]
    measured = table.dropna(subset="variance").set_index(["weights", "estimator"])["variance"]
    for place in ("at the start", "when trained"):
        exact, helped, bare = (measured[place, n] for n in gradients.ESTIMATORS.values())
        assert exact < helped < bare


def test_a_study_of_one_estimator_has_no_such_picture(tmp_path: Path) -> None:
    assert drawn((VAE,), tmp_path) == []
    assert not Store(tmp_path).study("g").exists()


def test_the_picture_is_drawn_again_only_when_a_model_was_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "DRAWS", 2)
    drawn(RUNS, tmp_path)
    plan, store = Plan("g", "G", RUNS, (), PROTOCOL), Store(tmp_path)
    assert [o.state for o in draw_gradients(plan, store, Here())] == ["unchanged"]
    with store.run(VAE.id).losses.open("a") as file:
        file.write("\n")
    assert [o.state for o in draw_gradients(plan, store, Here())] == ["drawn"]
