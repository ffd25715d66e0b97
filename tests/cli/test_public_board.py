"""The public board ranks together what has one budget and one protocol, and nobody's rows change another's."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bench.cli import commands
from bench.scoring.runs import cells
from bench.store import shipped
from bench.store.files import StoreError, read_json, write_json
from bench.store.folders import Store
from bench.store.record_types import TRAINING
from bench.study.given import GivenCodes
from bench.study.plan import Member, Plan
from bench.study.protocol import shipped_protocols
from bench.study.record import extend
from bench.study.run import Frozen, Run, Schedule
from bench.table.public import public_boards, public_rows
from bench.table.submission import read_submission
from bench.table.verification import check
from bench.values import ConfigError

pytestmark = [pytest.mark.usefixtures("without_the_shipped_table"), pytest.mark.long]  # left out of `make check`

QUICK = shipped_protocols()["quick"]
SCHEDULE = Schedule(100, 64, 1e-4, 32, "small", 10, 1, "quick", 100, 100)
METRICS = ("mig", "unsupervised")


def run(seed: int, model: str = "beta_vae", **schedule: Any) -> Run:
    kept = dataclasses.replace(SCHEDULE, **schedule)
    return Run(model, 1, False, Frozen({"beta": 4.0}), "beta", 2, 4.0, seed, "dsprites", 1, kept)


def submitted(
    store: Store, name: str, *members: Member, score: float = 0.5, metrics: tuple[str, ...] = METRICS
) -> Path:
    """A study whose scores are made up, submitted, and accepted."""
    runs = tuple(m for m in members if isinstance(m, Run))
    codes = tuple(m for m in members if isinstance(m, GivenCodes))
    own = Store(store.path.parent / f"of-{name}", writable=True)
    plan = Plan(name, name, runs, metrics, QUICK, runs[0].schedule if runs else None, codes)
    extend(plan, own)
    for member in members:
        folder = own.run(member.id)
        write_json(folder.config, member.record())
        write_json(folder.done, {"device": "cpu", "seconds": 1.0, "versions": {"bench": "1"}})
        values = {"mig": {"mig": score}, "unsupervised": {"gaussian_total_correlation": score}}
        scored = [
            dict(vars(c)) | {"key": c.key, "seconds": 0.1, "values": values[c.metric], "rows": {"num_points": 5_000}}
            for c in cells(metrics, QUICK)
        ]
        write_json(folder.scores("x"), {"run": member.id, "cells": scored})
    folder = store.submissions / name
    assert perform("submit", own.path, study={"name": name, "title": None}, folder=str(folder)) == 0
    return folder


def perform(stage: str, results_dir: Path, **changed: Any) -> int:
    protocol = yaml.safe_load((shipped.conf_dir() / "scoring" / "quick.yaml").read_text(encoding="utf-8"))
    settings = {
        "stage": stage, "codes": None, "name": None, "results_dir": results_dir, "scoring": protocol, "metric": "all",
        "study": {"name": None, "title": None}, "shipped": False, "given": {"study.name": ""}, "checkpoint": None,
        "processes": 1, "contact": None, "paper": None, "code": None, "with_codes": False, "folder": None,
        "trainer": None, "overrides": [], "device": "cpu",
    }  # fmt: skip
    return commands.perform(settings | changed, {})


def boards(store: Store) -> list[tuple[str, set[str]]]:
    return [(b.label, {*b.table["model"].unique()}) for b in public_boards(public_rows(store))]


def test_a_study_is_submitted_and_what_cannot_be_computed_again_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = submitted(Store(tmp_path / "results"), "ours", run(0), run(1))
    (folder / "codes.npz").touch()  # of a submission of that name that was of codes
    assert perform("submit", tmp_path / "of-ours", study={"name": "ours", "title": None}, folder=str(folder)) == 0
    assert not (folder / "codes.npz").exists()
    capsys.readouterr()
    assert perform("verify", tmp_path / "results", folder=str(folder), codes="mine.npz") == 0
    told = capsys.readouterr().out
    assert "not checked: mine.npz: the submission has no codes" in told
    assert "not checked: the scores of 2 of 2 runs: their weights are neither in" in told
    assert read_json(folder / "submission.json")["protocol"] == "quick"


def test_what_a_submission_says_of_its_runs_and_metrics_is_checked(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    whole = read_submission(submitted(store, "ours", run(0), run(1)))
    first, table = run(0).id, whole.table
    table = table.assign(metric=table["metric"].astype(object))
    content = {key: value for key, value in whole.identities[first].items() if key != "schedule"}

    def told(word: str, **other: Any) -> list[str]:
        return list(getattr(check(dataclasses.replace(whole, **other), store), word))

    def said(content: object) -> list[str]:
        return told("wrong", identities={**whole.identities, first: content})

    assert told("wrong") == told("unchecked") == []
    assert told("wrong", path=store.submissions / "b") == ["its folder is called b and it is called ours"]
    lacking = {key: value for key, value in whole.identities.items() if key != first}
    assert told("wrong", identities=lacking) == ["nothing says what 1 of its runs are: identities.json.gz lacks them"]
    assert f"nothing says how run {first} was trained" in said(content)
    assert f"what is said of run {first} is not what is said of codes from a file" in said(content | {"codes": "0"})
    of_codes = whole.record | {"codes": {"file": "a.npz", "sha256": "0" * 64}}
    assert told("wrong", record=of_codes) == [
        "it is of one file of codes and has rows of 2 runs, 0 of them codes from a file"
    ]
    old = "mig version 0: here it has version 1, and would have to be scored again"
    assert told("unchecked", table=table.assign(version=table["version"].mask(table["metric"] == "mig", 0))) == [old]
    gone, trained = (table.assign(metric=table["metric"].replace("mig", to)) for to in ("gone", TRAINING))
    assert told("unchecked", table=gone) == ["gone: no metric of that name can be used here"]
    assert told("unchecked", table=trained) == []


def test_of_the_reference_table_the_studies_of_the_board_have_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"run": ["a", "b", "c"]})
    for name, found in (("reference_of", Path()), ("read_reference", (table, {})), ("read_identities", {})):
        monkeypatch.setattr(f"bench.table.public.{name}", lambda *_, found=found: found)
    for studies, runs in (({"full": ["c"], "weak": ["b"], "reference": ["a"]}, "ac"), ({"full": []}, "abc")):
        monkeypatch.setattr("bench.table.public.read_studies", lambda *_, studies=studies: studies)
        (rows,) = public_rows(Store("nowhere"))
        assert (list(rows.table["run"]), rows.submission) == (list(runs), None)


def test_budgets_that_differ_are_apart_and_those_that_nothing_proves_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "results")
    submitted(store, "a", run(0), run(1))
    submitted(store, "b", run(2))
    submitted(store, "larger", run(3, batch_size=512))
    label = "100 steps, 32x32 px"
    larger = f"{label}, 512 images an update, learning rate 0.0001"
    assert boards(store) == [(label, {"beta_vae (a)", "beta_vae (b)"}), (larger, {"beta_vae (larger)"})]
    origins = [dataclasses.replace(rows, identities={}) for rows in public_rows(store)]
    assert public_boards(origins) == []
    assert f"runs without an identity, such as {run(0).id}, are left out" in capsys.readouterr().err


def test_what_is_fitted_takes_no_steps_whatever_its_study_takes(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    fitted = dataclasses.replace(run(0, "pca"), fitted=True)
    submitted(store, "ours", run(0), run(1), fitted)
    submitted(store, "longer", dataclasses.replace(fitted, seed=1, schedule=run(0, steps=900).schedule))
    label = "fitted directly, 32x32 px"
    assert (label, {"pca (ours)", "pca (longer)"}) in boards(store)


def test_codes_of_unknown_budget_are_apart_from_what_was_trained(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    submitted(store, "ours", run(0), run(1), GivenCodes("theirs", 0, "dsprites", 1, "0" * 64, "a.npz"))
    assert boards(store) == [("100 steps, 32x32 px", {"beta_vae (ours)"}), ("codes from a file", {"theirs (ours)"})]


def test_a_run_that_is_there_already_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "results")
    submitted(store, "a", run(0), score=0.5)
    submitted(store, "b", run(0), run(1), score=0.9)
    (board,) = public_boards(public_rows(store))
    mig = board.table[board.table["name"] == "mig"]
    assert dict(zip(mig["model"], mig["score"], strict=True)) == {"beta_vae (a)": 0.5, "beta_vae (b)": 0.9}
    assert "1 run of it left out: on the board already" in capsys.readouterr().err


def test_a_submission_that_is_not_what_it_says_makes_no_board(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    folder = submitted(store, "a", run(0))
    write_json(folder / "submission.json", read_json(folder / "submission.json") | {"protocol": "published"})
    with pytest.raises(StoreError, match=r"do not name one and the same protocol; `python -m bench verify"):
        public_rows(store)


def test_the_pages_have_boards_submissions_downloads_and_published_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    folder = submitted(store, "ours", run(0), run(1), run(2, "dip_vae_i"))
    told = {"contact": "A. Body", "paper": "https://example.org/paper", "code": "javascript:alert(1)"}
    write_json(folder / "submission.json", read_json(folder / "submission.json") | told)
    assert perform("board", store.path, folder=str(tmp_path / "pages")) == 0
    (board,) = read_json(tmp_path / "pages" / "board.json")["boards"]
    assert (board["protocol"], board["runs"], board["submissions"]) == ("quick", 3, ["ours"])
    index = (tmp_path / "pages" / "index.html").read_text()
    assert f'href="{board["board"]}/index.html"' in index
    assert '<a href="https://example.org/paper" rel="nofollow noreferrer">' in index
    assert 'href="javascript' not in index
    assert "They are not ranked" in index
    assert "<b>Known defect. </b>The published code of the row Ada-GVAE-k does not know k" in index
    assert "InfoGAN-CR and ModelCentrality" in index
    page = (tmp_path / "pages" / board["board"] / "index.html").read_text()
    assert "beta_vae (ours)" in page
    downloaded = pd.read_parquet(tmp_path / "pages" / board["board"] / "scores.parquet")
    assert len(downloaded) == len(pd.read_csv(tmp_path / "pages" / board["board"] / "scores.csv")) == 9
    assert perform("board", store.path, folder=str(tmp_path / "pages")) == 0  # its own pages are written again


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    with pytest.raises(StoreError, match="there is no table and no submission"):
        perform("board", store.path, folder=str(tmp_path / "pages"))
    submitted(store, "ours", run(0))
    with pytest.raises(ConfigError, match="is there and holds no board: give folder=DIR"):
        perform("board", store.path, folder=str(tmp_path))


def test_what_goes_with_a_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="with_codes goes with codes=FILE"):
        perform("submit", tmp_path, study={"name": "ours", "title": None}, with_codes=True, folder=str(tmp_path / "s"))
    own = dataclasses.replace(QUICK, pool=100)
    extend(Plan("ours", "ours", (run(0),), METRICS, own, SCHEDULE), Store(tmp_path, writable=True))
    with pytest.raises(ConfigError, match="by a protocol that ships, unchanged"):
        perform("submit", tmp_path, study={"name": "ours", "title": None}, folder=str(tmp_path / "s"))
