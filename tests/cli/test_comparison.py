"""`analyze compare=[a,b]`: from two names to files and words, over a store of scores."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.__main__ import compose_all
from bench.cli import commands
from bench.cli.compare import compare_named, find_sides
from bench.cli.words import read
from bench.cli.writing import store_to_write
from bench.registry import UnknownNameError
from bench.scoring.runs import PUBLISHED, cells
from bench.store.files import StoreError, write_json
from bench.store.folders import Store
from bench.study import record
from bench.study.given import GivenCodes
from bench.study.plan import Plan
from bench.study.record import extend
from bench.values import ConfigError

RNG = np.random.default_rng(0)
HEADLINE = {"mig": "mig", "beta_vae_score": "beta_vae_test"}
CELLS = cells(HEADLINE, PUBLISHED)


def settings(store: Store, compare: Any, **others: Any) -> dict[str, Any]:
    given = {
        "stage": "analyze",
        "study": {"name": "custom"},
        "results_dir": str(store.path),
        "compare": compare,
        "folder": None,
    }
    return given | {"overrides": ["compare=[rise,fall]"]} | others


def fill(store: Store, study: str, models: dict[str, float], seeds: range, schedule: str = "quick") -> None:
    """Scores of models that rise or fall with strength."""
    members = []
    for model, slope in models.items():
        for strength in range(4 if slope else 1):
            for seed in seeds:
                setting = (strength, 1.0 + strength) if slope else (None, None)
                checksum = hashlib.sha256(f"{study} {strength}".encode()).hexdigest()
                member = GivenCodes(model, seed, "dsprites", 1, checksum, "a.npz", *setting)
                members.append(member)
                folder = store.run(member.id)
                write_json(folder.config, member.record() | {"schedule_label": schedule})
                score = 0.5 + slope * strength + 0.01 * RNG.random()
                values = {c.metric: {HEADLINE[c.metric]: score + 0.02 * RNG.random()} for c in CELLS}
                records = [
                    vars(c) | {"key": c.key, "seconds": 0.1, "rows": {"num_points": 10}, "values": values[c.metric]}
                    for c in CELLS
                ]
                write_json(folder.scores("all"), {"run": member.id, "cells": records})
    extend(Plan(study, study, (), tuple(HEADLINE), PUBLISHED, codes=tuple(members)), store)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    fill(store, "custom", {"rise": 0.1, "fall": -0.1, "flat": 0.0}, range(5))
    fill(store, "other", {"rise": 0.1}, range(5, 8))
    return store


def contents(folder: Path) -> dict[Path, int]:
    """Every path below a folder, with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize("words", [("export", "study=other"), ("compare", "rise,fall", "study=custom")])
def test_what_is_made_of_a_store_is_written_elsewhere_if_told_so(
    words: tuple[str, ...], store: Store, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    before, elsewhere = contents(store.path), tmp_path_factory.mktemp("elsewhere")
    (composed,) = compose_all(read([*words, f"folder={elsewhere}", f"results_dir={store.path}"]))
    assert commands.perform(composed, {}) == 0
    assert contents(store.path) == before
    written = elsewhere / {"export": "studies/other/export/card.yaml", "compare": "comparisons/rise_vs_fall"}[words[0]]
    assert written.exists()


def test_a_stage_that_only_reads_says_where_to_write_what_a_store_does_not_take(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    given = {"results_dir": tmp_path, "folder": None}
    with pytest.raises(StoreError, match=r"cannot write .*; folder=DIR has what report makes in another place"):
        store_to_write(given | {"stage": "report"})
    with pytest.raises(StoreError, match="cannot write") as fault:
        store_to_write(given | {"stage": "run"})
    assert "folder" not in str(fault.value)


def test_two_models_give_figures_tables_and_words(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_named(settings(store, ["rise", "fall"])) == 0
    folder = store.comparison("rise", "fall")
    assert {p.name for p in folder.iterdir()} == {
        "dsprites.pdf", "dsprites.png", "dsprites.csv", "dsprites.txt", "metrics.csv", "runs.csv",
    }  # fmt: skip
    scores = pd.read_csv(folder / "dsprites.csv").set_index("name")
    assert scores["strengths"].to_dict() == pytest.approx({"mig": -1, "beta_vae_test": -1})
    out = capsys.readouterr()
    assert "-1.00" in out.out
    assert "Pairs of scores that agree differently" in out.out
    assert "Runs that contribute most" in out.out
    assert str(folder / "dsprites.png") in out.err


def test_two_studies_are_compared_by_setting(store: Store) -> None:
    sides = find_sides(["custom", "other"], "custom", store)
    assert sides.on == "setting"
    assert compare_named(settings(store, ["custom", "other"])) == 0
    scores = pd.read_csv(store.comparison("custom", "other") / "dsprites.csv")
    assert (scores["settings"] == 4).all()
    assert scores["strengths"].to_numpy() == pytest.approx(1)
    assert scores["runs"].isna().all()  # no seed in common


def test_no_run_is_said_to_disagree_where_all_rank_alike(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    plan = record.read(store, "custom")
    assert plan is not None
    extend(Plan("again", "again", (), tuple(HEADLINE), PUBLISHED, codes=plan.codes), store)
    assert compare_named(settings(store, ["custom", "again"])) == 0
    printed = capsys.readouterr().out
    assert "Pairs of scores that agree differently" in printed
    assert "Runs that contribute most" not in printed
    assert "nan" not in printed


def test_names_that_hold_commas_are_found(store: Store) -> None:
    trained_on = "x-y correlated, sigma 0.1"
    fill(store, "both", {"rise": 0.1}, range(5))
    fill(store, "both", {"rise": 0.1}, range(10, 15), f"quick; trained on {trained_on}")
    pieces = f"rise, rise on {trained_on}".split(", ")
    for given in (pieces, [*pieces[1:], pieces[0]]):
        sides = find_sides(given, "both", store)
        assert set(sides.names) == {"rise", f"rise on {trained_on}"}
        assert [set(t["model"]) for t in sides.tables] == [{name} for name in sides.names]
    with pytest.raises(ConfigError, match=r"two names with scores, .* got rise, rise on x-z correlated, sigma 0\.1"):
        find_sides(["rise", "rise on x-z correlated", "sigma 0.1"], "both", store)


def test_the_files_of_strange_names_stay_in_their_folder(store: Store) -> None:
    assert store.comparison("../a b", "<c>/..").parent == store.path / "comparisons"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["rise", "rise"], "two different names, got 'rise' twice"),
        (["rise"], r"two names, compare=\[a,b\], got \['rise'\]"),
        ("rise", "got 'rise'"),
        (["rise", "other"], "of 'rise' and 'other' one is a model and one is a study"),
        (["rise", "flat"], r"rise and flat have nothing in common: .* the second has strength index \(none\)"),
    ],
)
def test_what_cannot_be_compared_is_said(store: Store, asked: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        compare_named(settings(store, asked))


def test_an_unknown_name_is_met_with_the_nearest(store: Store) -> None:
    with pytest.raises(UnknownNameError, match=r"'risen'\. Did you mean 'rise'"):
        compare_named(settings(store, ["risen", "fall"]))


def test_another_stage_does_not_compare(store: Store) -> None:
    with pytest.raises(ConfigError, match="goes with the stages compare and analyze, not with train"):
        compare_named(settings(store, ["rise", "fall"], stage="train"))


def test_scores_of_several_schedules_are_not_mixed(store: Store) -> None:
    fill(store, "longer", {"rise": 0.1}, range(2), "published")
    everything = settings(store, ["rise", "fall"], study={"name": None})
    with pytest.raises(ConfigError, match="rise has scores of several schedules or protocols"):
        compare_named(everything)
