"""`python -m bench check metric=NAME`: the report card of a metric, a stranger's as well."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import commands
from bench.cli.check import check_metrics
from bench.store.folders import Store
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


def check(folder: Path, metric: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "check", f"metric={metric}", f"results_dir={folder}"]
    environment = os.environ | {"PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def install(folder: Path, claim: str) -> None:
    """A distribution of one file with a metric that is linear regression."""
    (folder / "my_module.py").write_text(STRANGER.replace("CLAIM", claim))
    info = folder / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\nmy_metric = my_module\n")


def test_a_strangers_metric_gets_a_card_with_a_picture_and_the_numbers_in_it(tmp_path: Path) -> None:
    install(tmp_path, "invariant_to=('scale', 'sign')")
    done = check(tmp_path, "my_metric")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "my_metric, version 3" in done.stdout
    assert "check: floor: linear of Gaussian noise" in done.stderr
    assert (tmp_path / "checks" / "my_metric.png").stat().st_size > 10_000
    numbers = pd.read_csv(tmp_path / "checks" / "my_metric.csv")
    assert {"my_metric", "mig"} <= set(numbers["metric"])
    assert set(numbers["experiment"]) == set(EXPERIMENTS)


def test_a_property_that_fails_is_named_and_ends_the_command_with_1(tmp_path: Path) -> None:
    install(tmp_path, "falls_under_rotation=True")
    done = check(tmp_path, "my_metric")
    assert done.returncode == 1
    (line,) = [row for row in done.stdout.splitlines() if "failed" in row]
    assert "rotating pairs of dimensions lowers the headline score" in line
    assert "linear: 1 of a perfect code" in line


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


def test_a_metric_that_ends_its_process_or_cannot_be_imported_costs_its_own_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fatal = STRANGER.replace("CLAIM", "").replace("x = check", "__import__('os')._exit(3)\n    x = check", 1)
    (tmp_path / "my_module.py").write_text(fatal)
    (tmp_path / "gone.py").write_text("import no_such_module\n")
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\nmy_metric = my_module:my_metric\ngone = gone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert check_metrics(["my_metric", "gone", "sparsity"], Store(tmp_path)) == 1
    told = capsys.readouterr()
    assert "check: my_metric: its process ended itself with exit code 3" in told.err
    assert "check: gone: the metrics plug-in 'gone' (gone) cannot be imported: ModuleNotFoundError" in told.err
    assert "sparsity, version 1" in told.out
    assert (tmp_path / "checks" / "sparsity.png").exists()
