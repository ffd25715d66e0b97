"""What a merge did is taken back to the byte; one that is killed leaves the table before it or after it."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from merging.tables import (
    BETA,
    RUNS,
    content,
    folder_of,
    grouped,
    scored,
)

from bench.cli import commands
from bench.store import shipped
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.table.reference import merge, read_reference, reference_of, undo_merge
from bench.values import ConfigError

pytestmark = pytest.mark.long  # left out of `make check`


def test_merges_are_taken_back_one_by_one_to_the_byte(results: Store, tmp_path: Path) -> None:
    states = [content(results.reference())]
    for run in RUNS:
        merge(folder_of(tmp_path / f"{run.seed}", scored(run)), results)
        states.append(content(results.reference()))
    for run, before in zip(RUNS[::-1], states[-2::-1], strict=True):
        assert f"{tmp_path / str(run.seed)} is taken back: 2 rows" in undo_merge(results)
        assert content(results.reference()) == before
    assert reference_of(results) is None
    with pytest.raises(StoreError, match="there is nothing to take back"):
        undo_merge(results)


def test_the_last_ten_merges_can_be_taken_back(results: Store, tmp_path: Path) -> None:
    for seed in range(12):
        merge(folder_of(tmp_path / "a", scored(dataclasses.replace(BETA, seed=seed))), results)
    assert sorted(int(path.name) for path in results.reference().before.glob("[0-9]*")) == [*range(3, 13)]


def test_a_merge_that_adds_nothing_is_none_to_take_back(results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    merge(folder, results)
    assert merge(folder, results).equal == 2
    undo_merge(results)
    assert reference_of(results) is None


class KilledError(BaseException):
    """Stands for a process that ends at once."""


def steps(monkeypatch: pytest.MonkeyPatch, last: int, fault: type[BaseException]) -> None:
    """Let the files of a merge fail from one of their renames on."""
    replace, done = os.replace, [0]

    def counted(source: Any, target: Any) -> None:
        done[0] += 1
        if done[0] > last:
            raise fault
        replace(source, target)

    monkeypatch.setattr(os, "replace", counted)


@pytest.mark.parametrize("fault", [OSError, KilledError])
@pytest.mark.parametrize("first", [True, False])
def test_a_merge_that_ends_in_the_middle_leaves_the_table_before_it_or_after_it(
    first: bool, fault: type[BaseException], results: Store, tmp_path: Path
) -> None:
    if not first:
        merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    new = folder_of(tmp_path / "b", scored(RUNS[1]))
    rows = [0 if first else 2, 2 if first else 4]
    finished = set()
    for last in range(12):
        with pytest.MonkeyPatch.context() as patch:
            steps(patch, last, fault)
            try:
                merge(new, results)
            except (StoreError, KilledError):
                pass
            else:
                break
        assert not [path.name for path in results.path.rglob(".*") if path.name != ".lock"]
        there = reference_of(results)
        found = len(read_reference(there)[0]) if there else 0
        assert found in rows
        finished.add(found)
        if found == rows[1]:
            undo_merge(results)
    assert len(read_reference(reference_of(results))[0]) == rows[1]
    assert rows[0] in finished
    undo_merge(results)
    assert (reference_of(results) is None) == first


def test_taking_back_that_ends_in_the_middle_is_finished_by_the_same_command(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = content(results.reference())
    for last in range(4):
        merge(folder_of(tmp_path / "b", scored(RUNS[1])), results)
        with pytest.MonkeyPatch.context() as patch:
            steps(patch, last, KilledError)
            with pytest.raises(KilledError):
                undo_merge(results)
        assert len(read_reference(reference_of(results))[0]) in (2, 4)
        undo_merge(results)
        assert content(results.reference()) == before


def test_taking_back_that_was_killed_when_all_was_restored_is_done_and_takes_no_second_merge_back(
    results: Store, tmp_path: Path
) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = content(results.reference())
    for merged_again in (False, True):
        merge(folder_of(tmp_path / "b", scored(RUNS[1])), results)

        def killed(path: Path, *_: Any, **__: Any) -> None:
            raise KilledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KilledError):
                undo_merge(results)
        assert content(results.reference()) == before
        if merged_again:
            merge(folder_of(tmp_path / "b", scored(RUNS[1])), results)
            assert f"{tmp_path / 'b'} is taken back" in undo_merge(results)
        else:
            assert undo_merge(results).startswith("the last merge was taken back already")
        assert content(results.reference()) == before
        assert [path.name for path in results.reference().before.glob(".*")] == [".lock"]
    assert f"{tmp_path / 'a'} is taken back" in undo_merge(results)


def test_a_damaged_reference_table_says_the_way_back_and_it_is_one(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = content(results.reference())
    for name in ("scores.csv.gz", "card.yaml", "identities.json.gz"):
        merge(new := folder_of(tmp_path / "b", scored(RUNS[1])), results)
        (results.reference().path / name).write_bytes(b"damaged")
        with pytest.raises(StoreError, match=rf"cannot read .*{name}.*`python -m bench merge --undo results_dir="):
            merge(new, results) if "identities" in name else read_reference(reference_of(results))
        undo_merge(results)
        assert content(results.reference()) == before
    shutil.rmtree(results.reference().path)
    assert reference_of(results) is None


def test_a_damaged_note_of_a_merge_says_the_way_back(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = results.reference().before
    for text in ("", "[]", "{}"):
        next(before.glob("*/merge.json")).write_text(text)
        with pytest.raises(StoreError, match=f"merge.json.*; without {before} the table counts as it is"):
            reference_of(results)
    shutil.rmtree(before)
    assert len(read_reference(reference_of(results))[0]) == 2


def test_a_table_that_something_else_has_changed_is_not_overwritten(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    other = folder_of(results.reference().path, scored(RUNS[1]))
    with pytest.raises(StoreError, match=r"card.yaml is not what the last merge wrote; the files before it are in"):
        undo_merge(results)
    assert len(read_reference(other)[0]) == 2


def test_of_two_merges_at_once_one_waits_to_be_asked_again(results: Store, tmp_path: Path) -> None:
    from bench.table.history import merging

    folder = folder_of(tmp_path / "a", scored(BETA))
    with merging(results), pytest.raises(StoreError, match="another process merges into"):
        merge(folder, results)
    assert merge(folder, results).added == 2


def test_the_command_merges_and_takes_back(results: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"stage": "merge", "results_dir": str(results.path), "folder": None, "undo": False, "replace": False}
    folder = folder_of(tmp_path / "a", grouped(RUNS[:2]))
    assert commands.merge_table(given | {"folder": str(folder.path)}) == 0
    assert "nothing proves the ids of 2 runs" in capsys.readouterr().err
    assert commands.merge_table(given | {"undo": True}) == 0
    assert f"from {folder.path} is taken back: 2 rows; the reference table is empty" in capsys.readouterr().err
    for wrong in ({}, {"undo": True, "folder": "x"}):
        with pytest.raises(ConfigError, match="merge takes one thing"):
            commands.merge_table(given | wrong)


def test_the_words_of_the_command_line_ask_for_it() -> None:
    from bench.__main__ import compose_all
    from bench.cli.words import read

    (settings,) = compose_all(read(["merge", "--undo", "results_dir=x"]))
    assert (settings["stage"], settings["undo"], settings["folder"]) == ("merge", True, None)


def test_the_shipped_table_is_what_a_merge_would_accept() -> None:
    from bench.table.rules import check_scores

    check_scores(read_reference(shipped.shipped_reference())[0])
