"""Cards are found by name, and one that is wrong is named with its fault."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import data, load_model, registry, scores
from bench.data.base import DataError
from bench.registry import PluginError, UnknownNameError
from bench.store import shipped as store_shipped

PLUGIN = """
import numpy as np
from bench.data.base import Card, DataSet

CARD = Card("outside", "Outside", "outside", 6, (4, 4, 1), ("a", "b"), (2, 3), True, "", "", "", "")

class Outside(DataSet):
    def read(self, index, epoch):
        return np.zeros((len(index), 4, 4, 1), np.float32)

def load(card, folder):
    return Outside(card)
"""


def entry(**changes: Any) -> dict[str, Any]:
    shipped = yaml.safe_load((store_shipped.cards_dir() / "dsprites.yaml").read_text(encoding="utf-8"))
    return shipped | {"name": "broken"} | changes


def write_card(folder: Path, monkeypatch: pytest.MonkeyPatch, card: object) -> None:
    (folder / "broken.yaml").write_text(yaml.safe_dump(card))
    monkeypatch.setattr(store_shipped, "cards_dir", lambda: folder)


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        ({"name": "broken", "title": "Broken"}, "it lacks citation, .*num_images"),
        (entry(colour="red"), "unknown keys colour"),
        (entry(name="other"), "it is named 'other' inside"),
        (entry(num_images=5), "737280 combinations, not 5"),
        (entry(categorical=["colour"]), "categorical names .colour., which is no factor"),
        (entry(factor_names=["shape"]), "1 factor_names for 5 factor_sizes"),
        (entry(factor_names=list("aabcd")), r"factor_names must be different names .*, got \('a', 'a'"),
        (entry(factor_names=["<b>", *"bcde"]), "factor_names must be different names without / and markup"),
        (entry(factor_names=[1, 2, 3, 4, 5]), "factor_names must be different names"),
        (entry(version="2"), "version must be an integer from 1, got '2'"),
        (entry(image_shape=[64, 64]), r"image_shape \(64, 64\)"),
        (entry(files=[{"name": "a.bin"}]), "the file a.bin has no checksum"),
        (entry(files=[{"name": "a.bin", "own": True, "md5": "0"}]), "a.bin is the user's own and has a checksum"),
        (entry(files=[{"name": "a.bin", "sha": "0"}]), "unexpected keyword argument 'sha'"),
        ("only words", "no keys and values"),
    ],
)
def test_a_wrong_card_is_named_with_its_fault(
    card: object, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_card(tmp_path, monkeypatch, card)
    with pytest.raises(DataError, match=rf"broken\.yaml is not valid: .*{fault}"):
        data.card("broken")


def test_a_card_that_is_no_yaml_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(tmp_path, monkeypatch, "")
    (tmp_path / "broken.yaml").write_text("{")
    data.forget()
    with pytest.raises(DataError, match=r"broken\.yaml is not valid: while parsing .* line 1, column") as fault:
        data.card("broken")
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("name", [["dsprites"], None, 3, {}])
def test_what_is_no_name_of_a_data_set_a_study_or_a_model_is_said(name: Any, tmp_path: Path) -> None:
    for kind, ask in (
        ("data set", data.load_data),
        ("study", lambda study: scores(study or [], tmp_path)),
        ("trained model", load_model),
    ):
        with pytest.raises(UnknownNameError, match=f"unknown {kind} .*Known: "):
            ask(name)


def test_an_unknown_data_set_is_offered_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown data set 'dsprits'.*Did you mean 'dsprites'"):
        data.load_data("dsprits")


def test_a_card_whose_loader_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lost.yaml").write_text(yaml.safe_dump(entry(name="lost", loader="nowhere")))
    monkeypatch.setattr(store_shipped, "cards_dir", lambda: tmp_path)
    with pytest.raises(PluginError, match=r"'lost' \(bench\.data\.nowhere\)"):
        data.load_data("lost")


def test_another_distribution_adds_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_data.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "entry_points", lambda kind: {"outside": "outside_data"})
    assert "outside" in data.names()
    assert data.card("outside").factor_sizes == (2, 3)
    assert data.load_data("outside").factors([5]).tolist() == [[1, 2]]


@pytest.mark.parametrize("missing", ["CARD", "load"])
def test_a_plugin_that_lacks_a_part_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"without_{missing}.py").write_text(PLUGIN + f"\ndel {missing}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "entry_points", lambda kind: {f"no_{missing}": f"without_{missing}"})
    with pytest.raises(PluginError, match=rf"without_{missing}\.py\) must define {missing}"):
        data.load_data(f"no_{missing}")


def test_listing_data_sets_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)"
    code = f"import sys, bench.data as d; [d.card(n) for n in d.names()]; print({heavy} or 'light')"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "light"
