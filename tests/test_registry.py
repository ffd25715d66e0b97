"""Plug-ins: one file inside the package, or a module of another distribution; a broken one breaks only itself."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench import registry
from bench.registry import PluginError, UnknownNameError

ROOT = Path(__file__).parents[1]
METRIC = """
from bench.metrics.base import Score, metric

@metric(version=1, reads="points", scores={"spread": Score(0, 1e9, None)}, paper="none", min_factors=0)
def spread(codes):
    return {"spread": float(codes.std())}
"""
ENTRY_POINT = "[bench.metrics]\nspread = spread_plugin\n"


def bench(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_support_modules_are_no_plugins() -> None:
    assert {"base", "information", "logistic", "shared_factor"}.isdisjoint(registry.names("metrics"))
    assert {"base", "vae", "nets", "terms"}.isdisjoint(registry.names("models"))


def test_unknown_names_are_offered_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'beta_va'\. Did you mean 'beta_vae'"):
        registry.load("models", "beta_va")


def test_a_metric_of_another_distribution_is_found_and_scored(tmp_path: Path) -> None:
    (tmp_path / "spread_plugin.py").write_text(METRIC)
    info = tmp_path / "spread-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spread\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    code = "import bench, numpy as np; print(bench.score(np.eye(9), metrics=['spread']))"
    assert "spread" in bench(tmp_path, code).stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that can be added to."""
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_metric_is_added_as_one_file(copy: Path) -> None:
    (copy / "bench" / "metrics" / "spread.py").write_text(METRIC)
    code = "import bench, numpy as np; print(bench.score(np.eye(9), np.eye(9, 2, dtype=int)))"
    done = bench(copy, code)
    assert "spread" in done.stdout, done.stderr
    assert "mig" in done.stdout


def test_a_metric_with_a_syntax_error_is_named_and_breaks_nothing_else(copy: Path) -> None:
    (copy / "bench" / "metrics" / "spread.py").write_text(METRIC.replace("return {", "return {{"))
    listed = bench(copy, "from bench import registry; print(registry.names('metrics'))")
    assert "spread" in listed.stdout
    assert "mig" in listed.stdout
    good = bench(copy, "import bench, numpy as np; print(bench.score(np.eye(9), metrics=['unsupervised']))")
    assert "gaussian" in good.stdout
    bad = bench(copy, "from bench import registry; registry.load('metrics', 'spread')")
    assert "SyntaxError" in bad.stderr
    assert "metrics/spread.py:6" in bad.stderr


def test_a_file_that_does_not_keep_its_promise_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "promising.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "modules", lambda kind: {"promising": "promising"})
    with pytest.raises(PluginError, match=r"promising\.py must define exactly one @metric"):
        registry.load("metrics", "promising")


def test_the_wheel_carries_configuration_and_cards_and_runs_from_any_directory(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--disable-pip-version-check",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import bench, bench.store; print(bench.store.in_checkout(), bench.__file__); "
    code += "from bench.__main__ import main; main(['list'])"
    shown = bench(tmp_path / "site", code)
    assert f"False {tmp_path}" in shown.stdout, shown.stderr
    assert "noisy_dsprites" in shown.stdout
    assert "quick" in shown.stdout
