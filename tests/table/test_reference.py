"""A score table leaves its runs, comes back to the bit, joins others, and is drawn where nothing was trained."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bench.__main__ import perform
from bench.cli import commands
from bench.pool import Here
from bench.scoring.runs import cells
from bench.store import files, shipped
from bench.store.files import StoreError, write_json
from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.study import grid
from bench.study.plan import Plan
from bench.study.record import extend
from bench.study.run import Run
from bench.table.reference import ConflictError, Merged, merge, read_reference, write_reference
from bench.table.scores import newest, plan_scores, scores

pytestmark = pytest.mark.long  # left out of `make check`

GRID = [
    "study=reference",
    "dataset=dsprites",
    "model=[beta_vae,dip_vae_i]",
    "strength=[0,2,5]",
    "strength_of=null",
    "seed=[0,1,2,3,4]",
]
METRICS = ["metric=[mig,unsupervised]"]


@pytest.fixture(autouse=True)
def without_the_shipped_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The store's own table alone counts here."""
    monkeypatch.setattr("bench.table.reference.shipped_reference", lambda: TableFolder(tmp_path / "not shipped"))


@cache
def planned(*overrides: str) -> Plan:
    with initialize_config_dir(str(shipped.conf_dir()), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose("config", [*GRID, *METRICS, *overrides]), resolve=True)
    return grid.plan(config)


def plant(run: Run, plan: Plan, results: Store, shift: float = 0.0) -> None:
    """A run's folder as training and scoring leave it, its scores made up."""
    folder = results.run(run.id)
    write_json(folder.config, run.record())
    write_json(folder.done, {"device": "cpu", "seconds": 36.0, "versions": {"torch": "2.13.0", "bench": "0.1.0"}})
    base = run.seed / 7 + (run.value or 0) / 3 + shift
    wanted = [c for c in cells(plan.metrics, plan.protocol) if c.representation == "mean"]
    mig, unsupervised = (dict(vars(c)) | {"key": c.key, "seconds": 0.1} for c in wanted)
    mig |= {"values": {"mig": base / (9 + base), "mig/0": base / (9 + 3 * base)}, "rows": {"num_points": 5000}}
    values = {"gaussian_total_correlation": 1 / (1 + base), "gaussian_wasserstein": base**2}
    unsupervised |= {"values": values, "rows": {"num_points": 5000}}
    write_json(folder.scores("x"), {"run": run.id, "cells": [mig, unsupervised]})


def exported(path: Path, plan: Plan, runs: slice = slice(None), shift: float = 0.0) -> TableFolder:
    results = Store(path)
    extend(plan, results)
    for run in plan.runs[runs]:
        plant(run, plan, results, shift)
    folder = results.export(plan.name)
    write_reference(scores(plan.name, path), plan, results, folder)
    return folder


def by_key(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["run", "name", "factor"]
    return table.astype(dict.fromkeys(keys, "string")).sort_values(keys, ignore_index=True)


def test_a_table_comes_back_to_the_bit_with_its_types(tmp_path: Path) -> None:
    table, _ = read_reference(exported(tmp_path, planned()))
    own = scores("reference", tmp_path)
    assert table.dtypes.map(str).to_dict() == own.dtypes.map(str).to_dict()
    exact = {"check_exact": True, "check_dtype": False, "check_categorical": False}
    pd.testing.assert_frame_equal(by_key(table), by_key(own), **exact)
    assert len(table) == 30 * 4


def test_the_card_says_what_stands_behind_the_rows(tmp_path: Path) -> None:
    _, card = read_reference(exported(tmp_path, planned(), slice(1, None)))
    assert (card["runs"], card["rows"], card["settings"], card["seeds_a_setting"]) == (29, 116, 6, "4 to 5")
    assert card["schedules"] == {"quick: 10,000 steps, 32x32 px": 29}
    assert "mig (version 1)" in card["metrics"]
    (part,) = card["parts"]
    assert part["devices"] == {"cpu": 29}
    assert part["training_hours"] == 0.29
    assert part["versions"] == {"bench": "0.1.0", "torch": "2.13.0"}
    assert part["runs"] == "29 of 30 planned"
    assert part["command"] == "python -m bench export study=reference"


def test_the_same_scores_make_the_same_file(tmp_path: Path) -> None:
    first, second = (exported(tmp_path / n, planned()) for n in "ab")
    assert first.table.read_bytes() == second.table.read_bytes()


def test_merging_adds_what_is_new_and_finds_the_rest_equal(tmp_path: Path) -> None:
    plan, results = planned(), Store(tmp_path / "own")
    early = exported(tmp_path / "a", plan, slice(0, 20))
    assert merge(early, results) == Merged(80, 0, 0, 0)
    assert merge(exported(tmp_path / "b", plan, slice(10, 30)), results) == Merged(40, 40, 0, 0)
    assert merge(early, results) == Merged(0, 80, 0, 0)
    table, card = read_reference(results.reference())
    assert set(table["run"]) == {r.id for r in plan.runs}
    assert [p["rows"] for p in card["parts"]] == [80, 80]


def test_one_score_with_two_values_is_an_error_that_names_the_run(tmp_path: Path) -> None:
    plan, results = planned(), Store(tmp_path / "own")
    merge(exported(tmp_path / "a", plan, slice(0, 2)), results)
    before = results.reference().table.read_bytes()
    with pytest.raises(ConflictError, match=rf"run {plan.runs[1].id} has .* 4 scores of 1 run in all; nothing was"):
        merge(exported(tmp_path / "b", plan, slice(1, 3), shift=1e-6), results)
    assert results.reference().table.read_bytes() == before


def test_what_a_metric_took_may_differ_between_machines(tmp_path: Path) -> None:
    folder, results = exported(tmp_path / "a", planned(), slice(0, 2)), Store(tmp_path / "own")
    merge(folder, results)
    text = gzip.decompress(folder.table.read_bytes()).decode()
    folder.table.write_bytes(gzip.compress(text.replace(",0.1,", ",0.7,").encode()))
    card = yaml.safe_load(folder.card.read_text())
    folder.card.write_text(yaml.safe_dump(card | {"sha256": files.sha256_of(folder.table)}))
    assert merge(folder, results) == Merged(0, 8, 0, 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.table.unlink(), "scores.csv.gz: .*No such file"),
        (lambda f: f.table.write_bytes(f.table.read_bytes()[:200]), "scores.csv.gz: Compressed file ended"),
        (lambda f: f.table.write_bytes(b"run,score\n"), "scores.csv.gz: Not a gzipped file"),
        (
            lambda f: f.table.write_bytes(gzip.compress(b"run,score\nx,1\n")),
            "scores.csv.gz: it has no column model, hyperparameter, strength_index",
        ),
        (lambda f: f.card.unlink(), "card.yaml"),
        (lambda f: f.card.write_text("parts: 3"), "card.yaml: .*parts is not a list"),
    ],
)
def test_what_cannot_be_read_is_named(damage: Any, message: str, tmp_path: Path) -> None:
    folder = exported(tmp_path / "a", planned(), slice(0, 2))
    damage(folder)
    with pytest.raises(StoreError, match=message):
        merge(folder, Store(tmp_path / "own"))
    assert not (tmp_path / "own").exists()


def test_a_score_that_is_no_number_or_there_twice_is_refused(tmp_path: Path) -> None:
    plan, results = planned(), Store(tmp_path)
    folder = exported(tmp_path, plan, slice(0, 2))
    table, _ = read_reference(folder)
    holed = table.assign(score=table["score"].where(table["name"] != "mig"))
    with pytest.raises(StoreError, match=r"scores.csv.gz is not written: row .*score of mig is nan \(4 such rows\)"):
        write_reference(holed, plan, results, folder)
    with pytest.raises(StoreError, match=r"is there twice \(3 such rows\)"):
        write_reference(pd.concat([table, table[:3]]), plan, results, folder)
    with pytest.raises(StoreError, match="no scores to export"):
        write_reference(table[:0], plan, results, folder)


def test_a_run_that_the_store_has_is_read_from_it_and_the_others_from_the_table(tmp_path: Path) -> None:
    plan, results = planned(), Store(tmp_path / "own")
    merge(exported(tmp_path / "a", plan), results)
    extend(plan, results)
    plant(plan.runs[3], plan, results, shift=0.5)
    table, origin = plan_scores(plan, results)
    assert "scores of 29 runs from the table" in origin
    assert "of 1 from runs in" in origin
    assert len(table) == 120
    both = table.merge(read_reference(results.reference())[0], on=["run", "name", "factor"])
    assert set(both["run"][both["score_x"] != both["score_y"]]) == {plan.runs[3].id}


def test_rows_of_another_protocol_or_budget_are_not_drawn_as_if_they_were_the_plans(tmp_path: Path) -> None:
    results = Store(tmp_path / "own")
    merge(exported(tmp_path / "a", planned()), results)
    for overrides, left in (("scoring=published", "120 rows"), ("trainer.steps=3000", None)):
        other = planned(overrides, f"study.name={overrides.partition('=')[0]}")
        extend(other, results)
        table, origin = plan_scores(other, results)
        assert table.empty
        assert left is None or left in origin


def test_of_a_metric_in_two_versions_the_newer_one_is_read() -> None:
    versions = {"mig": (2, 3), "sap": (1, 1), "modularity": (1,)}
    rows = [{"run": r, "metric": m, "version": v, "name": f"{m}_{k}"}
            for r in "ab" for m, known in versions.items() for k, v in enumerate(known)
            if not (r == "b" and v == 3)]  # fmt: skip
    kept = newest(pd.DataFrame(rows))
    assert kept.groupby("run")["name"].agg(list).to_dict() == {
        "a": ["mig_1", "sap_0", "sap_1", "modularity_0"], "b": ["mig_0", "sap_0", "sap_1", "modularity_0"]
    }  # fmt: skip


def test_a_run_that_failed_here_has_no_score_from_elsewhere(tmp_path: Path) -> None:
    plan, results = planned("study.name=mine"), Store(tmp_path / "own")
    merge(exported(tmp_path / "a", planned()), results)
    extend(plan, results)
    write_json(results.run(plan.runs[0].id).failed, {"error": "DivergedError: at step 3"})
    table, origin = plan_scores(plan, results)
    assert set(table["run"]) == {r.id for r in plan.runs[1:]}
    assert "of 29 runs from the table" in origin


def test_the_reference_study_is_drawn_where_nothing_was_trained(tmp_path: Path) -> None:
    plan, results = planned(), Store(tmp_path / "own")
    merge(exported(tmp_path / "a", plan), results)
    extend(plan, results)
    settings = {"rank_by": "mig", "rank_set": "study", "level": "model", "open": False, "overrides": []}
    assert commands.analyze(plan, results, Here()) == {}
    assert commands.make_report(plan, results, Here(), settings) == {}
    text = (tmp_path / "own" / "studies" / "reference" / "summary.md").read_text()
    assert "Scores of 30 runs from the table" in text
    assert not (tmp_path / "own" / "runs").exists()


def test_the_command_exports_and_merges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, results = planned("trainer.steps=77"), Store(tmp_path / "it's a")
    for run in plan.runs:
        plant(run, plan, results)
    extend(plan, results)
    commands.hand_on(plan, results)
    assert perform(["merge", str(results.export(plan.name).path), f"results_dir={tmp_path / 'own'}"]) == 0
    assert "merge: 120 rows added, 0 found equal" in capsys.readouterr().err


def test_an_export_without_scores_writes_nothing(tmp_path: Path) -> None:
    plan, results = planned(), Store(tmp_path)
    extend(plan, results)
    with pytest.raises(StoreError, match="no scores to export"):
        commands.hand_on(plan, results)
    assert {p.name for p in results.study(plan.name).iterdir()} == {"plan.json"}


def test_the_table_that_comes_with_the_package_is_what_its_card_says() -> None:
    folder = shipped.shipped_reference()
    table, card = read_reference(folder)
    assert (len(table), table["run"].nunique()) == (card["rows"], card["runs"])
    assert folder.table.stat().st_size < 4e6
    assert yaml.safe_load(folder.card.read_text())["parts"]
