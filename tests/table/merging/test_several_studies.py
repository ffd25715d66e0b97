"""A table may hold several studies: each answers by itself, and one can take the place of its earlier self."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from merging.tables import BETA, QUICK, RUNS, content, folder_of, scored

from bench.columns import COLUMNS
from bench.registry import UnknownNameError
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.study.plan import Plan
from bench.study.run import Run
from bench.table.reference import (
    merge,
    read_reference,
    read_study,
    reference_of,
    studies_of,
    undo_merge,
    write_reference,
)
from bench.table.scores import scores, studies_with_scores

LONG = dataclasses.replace(BETA, schedule=dataclasses.replace(BETA.schedule, steps=300_000))


def exported(path: Path, study: str, runs: list[Run], score: float = 0.25) -> TableFolder:
    """A study's table as the command exports it."""
    rows: list[dict[str, Any]] = [row for run in runs for row in scored(run, score=score)]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    write_reference(table, Plan(study, study, tuple(runs), ("mig",), QUICK), Store(path), TableFolder(path))
    return TableFolder(path)


@pytest.fixture
def both(results: Store, tmp_path: Path) -> Store:
    """A reference table of two studies, which share a run."""
    merge(exported(tmp_path / "a", "reference", RUNS), results)
    merge(exported(tmp_path / "b", "full", [LONG, BETA]), results)
    return results


def runs_of(study: str, results: Store) -> set[str]:
    return {*scores(study, results.path)["run"]}


def test_each_study_answers_by_itself(both: Store) -> None:
    assert studies_with_scores(both) == ["full", "reference"]
    assert runs_of("reference", both) == {run.id for run in RUNS}
    assert runs_of("full", both) == {LONG.id, BETA.id}
    assert yaml.safe_load(both.reference().card.read_text())["studies"] == {"reference": 3, "full": 2}
    with pytest.raises(UnknownNameError, match="full"):
        read_study("ful", reference_of(both))
    with pytest.raises(UnknownNameError, match="full"):
        scores("ful", both.path)


def test_a_study_that_grows_keeps_its_runs(both: Store, tmp_path: Path) -> None:
    later = dataclasses.replace(LONG, seed=1)
    merge(exported(tmp_path / "c", "full", [later]), both)
    assert runs_of("full", both) == {LONG.id, BETA.id, later.id}


def test_a_study_takes_the_place_of_its_earlier_self_and_comes_back(both: Store, tmp_path: Path) -> None:
    before = content(both.reference())
    longer = [dataclasses.replace(run, schedule=LONG.schedule, seed=run.seed + 5) for run in RUNS]
    done = merge(exported(tmp_path / "c", "reference", longer), both, replace=True)
    assert (done.added, done.removed) == (6, 4)  # two rows a run; the run that `full` has as well stays
    assert runs_of("reference", both) == {run.id for run in longer}
    assert runs_of("full", both) == {LONG.id, BETA.id}
    assert [part["study"] for part in read_reference(both.reference())[1]["parts"]] == ["full", "reference"]
    undo_merge(both)
    assert content(both.reference()) == before


def test_scores_made_again_take_the_place_of_the_old_ones(both: Store, tmp_path: Path) -> None:
    again = exported(tmp_path / "c", "full", [LONG], score=0.5)
    with pytest.raises(StoreError, match=r"2 scores of 1 run in all; nothing was merged"):
        merge(again, both)
    assert merge(again, both, replace=True).removed == 2
    assert scores("full", both.path)["score"].tolist() == [0.5, 0.5]


def test_of_a_table_that_does_not_say_whose_its_runs_are_every_study_has_all(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "old", [*scored(RUNS[0]), *scored(RUNS[1])]), results)
    assert studies_of(results.reference()) == ["old"]
    merge(exported(tmp_path / "new", "full", [LONG]), results)
    assert runs_of("old", results) == {RUNS[0].id, RUNS[1].id}
    assert runs_of("full", results) == {LONG.id}


@pytest.mark.parametrize(
    ("text", "told"), [("{", "studies.json"), ('{"a b": []}', "a name of letters"), ('{"a": ["x"]}', "an id of twelve")]
)
def test_studies_that_cannot_be_read_are_refused(text: str, told: str, results: Store, tmp_path: Path) -> None:
    folder = exported(tmp_path / "a", "full", [LONG])
    folder.studies.write_text(text)
    with pytest.raises(StoreError, match=told):
        merge(folder, results)
    assert not results.reference().table.exists()


def test_what_a_study_is_called_is_a_name(results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    card = yaml.safe_load(folder.card.read_text())
    folder.card.write_text(yaml.safe_dump(card | {"parts": [{"study": "<b>"}]}))
    with pytest.raises(StoreError, match=r"card\.yaml: .*a name of letters"):
        merge(folder, results)


def test_runs_that_a_table_does_not_have_are_of_no_study(results: Store, tmp_path: Path) -> None:
    folder = exported(tmp_path / "a", "full", [LONG])
    folder.studies.write_text(json.dumps({"full": [LONG.id, "0" * 12]}))
    merge(folder, results)
    assert json.loads(results.reference().studies.read_text()) == {"full": [LONG.id]}
