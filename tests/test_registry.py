"""Plug-ins: one file inside the package, or a module of another distribution; a broken one breaks only itself."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import registry
from bench.registry import PluginError, UnknownNameError

pytestmark = pytest.mark.long  # left out of `make check`

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


@pytest.mark.parametrize("kind", ["metrics", "models", "networks"])
def test_every_file_but_base_is_registered_under_its_name_and_is_what_it_says(kind: str) -> None:
    files = {f.stem for f in (ROOT / "bench" / kind).glob("*.py")} - {"__init__", "base"}
    assert set(registry.names(kind)) == files
    assert not registry.faults(kind)


def test_unknown_names_are_offered_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'beta_va'\. Did you mean 'beta_vae'"):
        registry.load("models", "beta_va")


@pytest.mark.parametrize(("name", "meant"), [("MIG", "mig"), ("Beta-VAE", "beta_vae"), ("LR", "learning_rate")])
def test_the_nearest_name_may_be_meant_in_capitals(name: str, meant: str) -> None:
    assert registry.nearest(name, ["mig", "beta_vae", "learning_rate", "ssd", "Mine"])[0] == meant
    assert registry.nearest("mine", ["mig", "Mine"])[0] == "Mine"


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
    code = (
        "import numpy as np; from bench import registry, score;"
        "print(registry.names('metrics'));"
        "print(score(np.eye(9), np.eye(9, 2, dtype=int), ['mig', 'spread']))"
    )
    done = bench(copy, code)
    listed, _, scored = done.stdout.partition("\n")
    assert "'spread'" in listed, done.stderr
    assert "mig" in scored
    assert "spread" in scored


NETWORKS = """
import torch
from bench.networks.base import Networks, network
from bench.networks.parts.layers import Dense, Encoder

@network(version=3)
class Linear(Networks):
    hidden = discriminator = 8

    def encoder(self, dims, *, variance=True):
        return Projection(self.seeds, torch.Size(self.image_shape).numel(), dims, variance)

    def decoder(self, dims):
        pixels = torch.Size(self.image_shape).numel()
        flat = Dense(self.seeds, "decoder", dims, pixels)
        return torch.nn.Sequential(flat, torch.nn.Unflatten(2, self.image_shape))

class Projection(Encoder):
    def __init__(self, seeds, pixels, dims, variance):
        super().__init__()
        self.make_heads(seeds, pixels, dims, variance)

    def features(self, images):
        return images.flatten(2)
"""


def test_networks_are_added_as_one_file(copy: Path) -> None:
    (copy / "bench" / "networks" / "linear.py").write_text(NETWORKS)
    code = (
        "import numpy as np; from bench import registry; from bench.models.beta_vae import BetaVAE;"
        "vae = BetaVAE((5, 5, 1), 'linear', 2, (0,), ({'beta': 1.0},));"
        "images = vae.decode(vae.encode(np.zeros((3, 5, 5, 1), np.float32))[0]);"
        "print(images.shape, registry.load('networks', 'linear').network.version)"
    )
    done = bench(copy, code)
    assert done.stdout == "(3, 5, 5, 1) 3\n", done.stderr


def test_networks_whose_file_does_not_hold_them_are_named_and_break_no_others(copy: Path) -> None:
    (copy / "bench" / "networks" / "linear.py").write_text(NETWORKS.replace("@network(version=3)", ""))
    code = "from bench.networks.base import image_sizes; print(image_sizes()); from bench import registry;"
    done = bench(copy, code + "registry.load('networks', 'linear')")
    assert done.stdout == "{'locatello2019': 64, 'mlp': None, 'small': 32}\n"
    assert "networks/linear.py must define the network 'linear' and does not: nothing in it is under @network" in (
        done.stderr
    )


def test_a_file_in_the_package_is_one_metric(copy: Path) -> None:
    (copy / "bench" / "metrics" / "spread.py").write_text(METRIC + METRIC.replace("def spread", "def second"))
    listed = bench(copy, "from bench.cli.listing import metric_table; print(metric_table(['spread']))")
    assert "metrics/spread.py must define the metric 'spread' and does not: it defines spread, sec" in listed.stdout


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


HEAD = "import bench.metrics.base as base\nfrom bench.metrics.base import Score, metric\n"
DECLARED = "(version=1, reads='points', scores={'own': Score(0, 1)}, paper='', min_factors=0)\n"
OWN = "def own(codes):\n    return {'own': 0.5}\n"
MODEL = "from typing import final\nfrom bench.models.base import model\n"


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes a module of a given text the plug-in `own`, for the time of a test."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(text: str, pointer: str = "own_plugin") -> None:
        (tmp_path / "own_plugin.py").write_text(text)
        monkeypatch.setattr(registry, "modules", lambda kind: {"own": pointer})

    yield add
    sys.modules.pop("own_plugin", None)


BROKEN = {
    "another name": (HEAD + "@metric" + DECLARED + OWN.replace("def own", "def other"), "it defines other; define"),
    "undecorated": (HEAD + OWN, "`own` is there, but not under @metric; define a function `own` under @metric"),
    "nothing": ("x = 1\n", "nothing in it is under @metric; define a function `own` under @metric"),
    "imported": ("from bench.metrics.mig import mig as own\n", "`own` is there, but not under @metric|nothing in it"),
    "syntax": ("def own(:\n", r"cannot be imported: SyntaxError: .*own_plugin\.py:1"),
    "import": ("import no_such_module\n", r"ModuleNotFoundError: No module named 'no_such_module' .*own_plugin\.py:1"),
    "exit": ("raise SystemExit(3)\n", r"cannot be imported: SystemExit: 3 .*own_plugin\.py:1"),
    "declaration": (
        HEAD + "@metric" + DECLARED.replace("points", "images") + OWN,
        "cannot be imported: ValueError: reads must be one of points, split, all, group, model, got 'images'",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_metrics_file_that_does_not_keep_its_promise_is_named_with_the_mend(
    what: str, plug_in: Callable[..., None]
) -> None:
    text, message = BROKEN[what]
    plug_in(text)
    with pytest.raises(PluginError, match=message) as caught:
        registry.load("metrics", "own")
    assert "own_plugin.py" in str(caught.value)
    assert registry.faults("metrics").keys() == {"own"}


def test_how_the_decorator_is_written_does_not_matter(plug_in: Callable[..., None]) -> None:
    plug_in(HEAD + "@base.metric" + DECLARED + OWN + "alias = own\n")
    assert registry.load("metrics", "own").metric.name == "own"


def test_a_model_may_have_other_decorators_and_stands_alone(plug_in: Callable[..., None]) -> None:
    plug_in(MODEL + "@model()\n@final\nclass Own:\n    pass\n")
    assert registry.load("models", "own").__name__ == "Own"
    sys.modules.pop("own_plugin")
    plug_in(MODEL + "@model()\nclass Own:\n    pass\nclass Heir(Own):\n    pass  # inherits no registration\n")
    assert registry.load("models", "own").__name__ == "Own"
    sys.modules.pop("own_plugin")
    plug_in(MODEL + "@model()\nclass A:\n    pass\n@model()\nclass B:\n    pass\n")
    with pytest.raises(PluginError, match="it defines A, B; define one class under @model"):
        registry.load("models", "own")


def test_an_entry_point_may_name_an_object_of_a_module(plug_in: Callable[..., None]) -> None:
    text = HEAD + "@metric" + DECLARED + OWN + "@metric" + DECLARED + OWN.replace("own(", "two(")
    plug_in(text, "own_plugin:own")
    assert registry.load("metrics", "own").metric.name == "own"
    for pointer, message in {
        "own_plugin:two": "must be a function `own` under @metric",
        "own_plugin:gone": r"own_plugin\.py has no 'gone'",
        "own plugin": "must be module or module:object, not 'own plugin'",
        "no_such_plugin:own": "No module named 'no_such_plugin'",
    }.items():
        plug_in(text, pointer)
        with pytest.raises(PluginError, match=message):
            registry.load("metrics", "own")


def test_of_two_metrics_that_declare_one_score_the_copy_is_refused(
    plug_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in((ROOT / "bench" / "metrics" / "downstream.py").read_text().replace("def downstream(", "def a_downstream("))
    known = {"a_downstream": "own_plugin", "downstream": "bench.metrics.downstream", "mig": "bench.metrics.mig"}
    monkeypatch.setattr(registry, "modules", lambda kind: known)
    (refused,) = registry.faults("metrics").items()
    assert refused[0] == "a_downstream"
    assert "declares 'lr_efficiency', a score of 'downstream': name it otherwise" in str(refused[1])
    assert not registry.faults("metrics", ["a_downstream"])


def test_a_file_whose_name_no_function_can_have_is_told_so(
    plug_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in("x = 1\n")
    monkeypatch.setattr(registry, "modules", lambda kind: {"my-metric": "own_plugin"})
    with pytest.raises(PluginError, match="name the file in letters, digits and underscores"):
        registry.load("metrics", "my-metric")


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
    code = "import bench, bench.store.shipped; print(bench.store.shipped.in_checkout(), bench.__file__); "
    code += "from bench.__main__ import main; main(['list'])"
    shown = bench(tmp_path / "site", code)
    assert f"False {tmp_path}" in shown.stdout, shown.stderr
    assert "noisy_dsprites" in shown.stdout
    assert "quick" in shown.stdout
