"""A package of one's own: its settings are found without a word on the command line, and the pages' package works."""

import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import registry
from bench.__main__ import compose_all, perform
from bench.analysis.names import setting_title
from bench.cli import keys
from bench.cli.listing import list_names
from bench.cli.words import read
from bench.store import shipped
from bench.store.folders import Store
from bench.study import learner
from bench.testing import check_metric
from bench.values import ConfigError

pytestmark = pytest.mark.usefixtures("without_workers")

DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = [DOCS / "tutorials" / page for page in ("add_a_model.md", "add_a_metric.md")]
FILE = re.compile(r"`my-bench/([\w/.-]+)`[^`]*?\n\n *```\w+\n(.*?)\n *```", re.DOTALL)  # its name, then its text
CUSTOM = (shipped.conf_dir() / "study" / "custom.yaml").read_text()
CACHED = (shipped.conf_dirs, learner.shipped_settings, registry.modules, keys.groups)


def install(site: Path, entry_points: str) -> None:
    """Write what pip leaves of a distribution that is called `own`."""
    info = site / "own-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def forget() -> None:
    """Look for plug-ins again."""
    for cached in CACHED:
        cached.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages whose name needs quotes."""
    folder = tmp_path / "it's, a place"
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    monkeypatch.undo()
    forget()


@pytest.fixture
def package(site: Path) -> Path:
    """The package of another distribution that brings a model."""
    install(site, "[bench.models]\nquiet_vae = own.models.quiet_vae\n")
    (site / "own").mkdir()
    (site / "own" / "__init__.py").write_text("raise RuntimeError('settings are read without an import')\n")
    return site / "own"


def test_a_model_without_settings_is_told_where_they_belong(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"lacks its settings: conf/model/quiet_vae\.yaml in the package own"):
        list(compose_all(read(["train", "model=[pca,quiet_vae]"])))
    list_names("models", {"model": keys.options("model"), "study": []}, Store(tmp_path))
    assert "'quiet_vae' (own.models.quiet_vae) is not listed: it needs its settings" in capsys.readouterr().err


def write(package: Path, place: str, text: str) -> None:
    """Write conf/PLACE.yaml into a package."""
    file = package / "conf" / f"{place}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    forget()


def test_its_settings_its_title_and_its_studies_are_found(package: Path) -> None:
    write(package, "model/quiet_vae", TUTORIALS[0].read_text().partition("```yaml\n")[2].partition("```")[0])
    write(package, "study/theirs", CUSTOM.replace("name: null", "name: theirs").replace("seed: [0]", "seed: [7]"))
    assert {"quiet_vae", "beta_vae"} <= set(keys.options("model"))
    (found,) = compose_all(read(["train", "study=theirs", "model=[pca,quiet_vae]"]))
    assert (found["seed"], found["model"]["quiet_vae"]["values"]) == ([7], [0.1, 0.3, 1, 3])
    assert setting_title("quiet_vae", None, 0.3) == "Quiet VAE, weight 0.3"


def test_a_study_that_lacks_keys_is_told_which(package: Path) -> None:
    write(package, "study/half", "# @package _global_\nstudy: {title: half a study}\nseed: [7]\nstrength: [0]\n")
    with pytest.raises(ConfigError, match=r"the yaml of study=half lacks dataset, metric, strength_of, study\.name: "):
        list(compose_all(read(["train", "study=half"])))


def test_the_package_that_the_pages_make_works(site: Path, tmp_path: Path) -> None:
    points: dict[str, dict[str, str]] = {"bench.data": {"stripes": "my_bench.stripes"}}
    for page in TUTORIALS:
        for name, text in FILE.findall(page.read_text()):
            file = site / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text) + "\n")
        points |= tomllib.loads((site / "pyproject.toml").read_text())["project"]["entry-points"]
    _, _, rest = (DOCS / "extending.md").read_text().partition("`my_bench/stripes.py`:\n\n```python\n")
    (site / "my_bench" / "stripes.py").write_text(rest.partition("```")[0])
    groups = [f"[{group}]\n" + "".join(f"{n} = {where}\n" for n, where in of.items()) for group, of in points.items()]
    install(site, "\n".join(groups))
    forget()
    check_metric("largest_correlation")
    grid = ["model=quiet_vae", "strength=[0]", "seed=0", "dataset=stripes", "trainer.steps=2", "study.name=quiet"]
    there = ["processes=1", f"results_dir={tmp_path / 'results'}"]
    assert perform(["train", *grid, *there]) == 0
    assert perform(["score", "study=quiet", "metric=[largest_correlation,mig]", *there]) == 0


def test_a_data_set_whose_reader_fails_is_not_called_ready(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "[bench.data]\nbroken_stripes = broken_stripes\n")
    _, _, text = (DOCS / "extending.md").read_text().partition("`my_bench/stripes.py`:\n\n```python\n")
    fails = "        raise KeyError('no such file')\n        place, light ="
    text = (
        text.partition("```")[0]
        .replace("        place, light =", fails)
        .replace('name="stripes"', 'name="broken_stripes"')
    )
    (site / "broken_stripes.py").write_text(text)
    forget()
    assert perform(["data", "dataset=broken_stripes", f"results_dir={tmp_path}"]) == 1
    printed = capsys.readouterr()
    assert "cannot be read" in printed.out
    assert "broken_stripes cannot be read: KeyError: 'no such file'" in printed.err
