"""`python -m bench check metric=NAME`: the report card of a metric, a stranger's as well."""

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from bench import registry
from bench.cli import commands
from bench.cli.check import check_metrics
from bench.pool import Pool
from bench.store.folders import Store
from bench.testing import examine
from bench.testing.behaviour import EXPERIMENTS, curves

pytestmark = pytest.mark.long  # left out of `make check`

STRANGER = """
import numpy as np
from bench.metrics.base import Score, check_codes, check_factors, metric

@metric(version=3, reads="points", scores={"linear": Score(0, 1)}, headline="linear", paper="mine", CLAIM)
def my_metric(codes, factors):
    x = check_codes(codes, min_rows=2)
    y = check_factors(factors, len(x))
    x = np.column_stack([x, np.ones(len(x))])
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return {"linear": float(np.clip(1 - left.var(axis=0).sum() / max(y.var(axis=0).sum(), 1e-9), 0, 1))}
"""


ENDS = "__import__('os')._exit(3)\n    x = check"
PLUG_INS = {
    "straight": STRANGER.replace("CLAIM", "invariant_to=('scale', 'sign')"),
    "turned": STRANGER.replace("CLAIM", "falls_under_rotation=True"),
    "fatal": STRANGER.replace("CLAIM", "").replace("x = check", ENDS, 1),
    "gone": "import no_such_module\n",
}


class Checked(NamedTuple):
    """What checking the plug-ins and `sparsity` left behind: the exit code, the store, what was printed and said."""

    code: int
    store: Path
    printed: str
    said: str


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    folder, printed, said = tmp_path_factory.mktemp("plug-ins"), io.StringIO(), io.StringIO()
    for name, text in PLUG_INS.items():
        (folder / f"{name}.py").write_text(text.replace("my_metric", name).replace('"linear"', f'"{name}"'))
    info = folder / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\n" + "\n".join(f"{n} = {n}" for n in PLUG_INS))
    registry.modules.cache_clear()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(said):
        patch.syspath_prepend(str(folder))
        code = check_metrics([*PLUG_INS, "sparsity"], Store(folder))
    registry.modules.cache_clear()
    return Checked(code, folder, printed.getvalue(), said.getvalue())


def test_a_strangers_metric_gets_a_card_with_a_picture_and_the_numbers_in_it(checked: Checked) -> None:
    assert "straight, version 3" in checked.printed
    assert "check: floor: straight of Gaussian noise" in checked.said
    assert (checked.store / "checks" / "straight.png").stat().st_size > 10_000
    numbers = pd.read_csv(checked.store / "checks" / "straight.csv")
    assert {"straight", "mig"} <= set(numbers["metric"])
    assert set(numbers["experiment"]) == set(EXPERIMENTS)


def test_a_property_that_fails_is_named(checked: Checked) -> None:
    (line,) = [row for row in checked.printed.splitlines() if "failed" in row]
    assert "rotating pairs of dimensions lowers the headline score" in line
    assert "turned: 1 of a perfect code" in line


def test_the_exit_code_says_whether_every_property_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "follow", lambda self, function, tasks: [(0, "result", function(*tasks[0]))])
    monkeypatch.setattr("bench.cli.check.curves", lambda names: curves(["sparsity"]))
    assert check_metrics(["sparsity"], Store(tmp_path)) == 0
    failed = [replace(verdict, state="failed") for verdict in examine("sparsity")]
    monkeypatch.setattr("bench.cli.check.examine", lambda name: failed)
    assert check_metrics(["sparsity"], Store(tmp_path)) == 1


def test_a_metric_that_ends_its_process_or_cannot_be_imported_costs_its_own_card(checked: Checked) -> None:
    assert checked.code == 1
    assert "check: fatal: its process ended itself with exit code 3" in checked.said
    assert "check: gone: the metrics plug-in 'gone' (gone) cannot be imported: ModuleNotFoundError" in checked.said
    assert "sparsity, version 1" in checked.printed
    assert (checked.store / "checks" / "sparsity.png").exists()


def test_an_unknown_metric_is_offered_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'mig'"):
        commands.perform({"stage": "check", "metric": "meg", "results_dir": tmp_path}, {})


def test_the_behaviour_of_mig_is_what_its_definition_says() -> None:
    table = curves(["mig"]).set_index(["experiment", "x"])["score"]
    assert (table["nothing"] < 0.02).all()
    assert table["noise"].is_monotonic_decreasing
    assert table["noise", 0] > 0.95
    assert table["rotation", 45] < 0.1 < table["rotation", 0]
    for repeated, score in table["duplicates"].items():  # a factor whose dimension is there twice has no gap
        assert score == pytest.approx(table["duplicates", 0] * (1 - repeated / 4), abs=0.02)
