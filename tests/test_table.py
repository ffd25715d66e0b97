"""The score table: its schema, the end of training as scores, the compacted copy, and records that cannot be read."""

from pathlib import Path

import pandas as pd
import pytest

from bench import compact
from bench.records import read_records
from bench.store import Store, write_json
from bench.study_table import scores
from bench.table import COLUMNS, export, stored_scores


def fill(store: Store, run: str, seed: int = 0, value: float = 0.5) -> None:
    """What training and scoring leave of a run."""
    folder = store.run(run)
    write_json(
        folder.config,
        {"id": run, "model": {"name": "beta_vae"}, "strength": 0, "value": 1.0, "seed": seed, "schedule_label": "quick",
         "dataset": {"name": "dsprites"}, "schedule": {"batch_size": 32}},
    )  # fmt: skip
    write_json(
        folder.done, {"device": "cpu", "seconds": 6.0, "fleet": 3, "versions": {"torch": "2"}, "revision": "abc"}
    )
    write_json(
        folder.scores("a"), {"run": run, "cells": [cell({"mig": value, "mig/1": 0.25}), cell(failed="Oops: no")]}
    )


def cell(values: dict[str, float] | None = None, failed: str = "") -> dict[str, object]:
    outcome = {"failed": failed, "traceback": ""} if failed else {"values": values, "rows": {"num_points": 10}}
    kept = {"metric": "sap" if failed else "mig", "version": 1, "representation": "mean", "seconds": 0.5}
    return kept | {"key": "f" if failed else "m"} | outcome


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Five runs; a copy is made of them at once."""
    monkeypatch.setattr(compact, "WORTHWHILE", 1)
    store = Store(tmp_path)
    for seed in range(5):
        fill(store, f"r{seed}", seed)
    return store


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_each_score_of_each_run_is_a_row_and_failed_cells_are_none(store: Store) -> None:
    table = scores(results_dir=store.path)
    assert {c: str(t) for c, t in table.dtypes.items()} == COLUMNS
    assert len(table) == 5 * 2
    row = table[table["factor"].isna()].iloc[2]
    assert row[["run", "seed", "name", "score", "num_train", "seconds"]].tolist() == ["r2", 2, "mig", 0.5, 10, 0.5]
    assert table["factor"].dropna().unique().tolist() == ["scale"]


def test_what_is_behind_a_run_stands_beside_its_scores(store: Store) -> None:
    row = scores(results_dir=store.path).iloc[0]
    behind = ["device", "train_seconds", "versions", "revision"]
    assert row[behind].tolist() == ["cpu", 2.0, "torch 2", "abc"]  # a third of the time of three


def test_a_copy_says_what_the_folders_say(store: Store) -> None:
    from_folders = scores(results_dir=store.path)
    assert len(list(store.compact.iterdir())) == 1
    same(scores(results_dir=store.path), from_folders)


def test_a_copy_is_read_instead_of_the_folders(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scores(results_dir=store.path)
    asked: list[str] = []
    read = compact.read_records
    monkeypatch.setattr(compact, "read_records", lambda s, runs: read(s, [r for r in runs if not asked.append(r.run)]))
    same(scores(results_dir=store.path), before)
    fill(store, "r9")
    assert scores(results_dir=store.path)["run"].nunique() == 6
    assert asked == ["r9"]
    assert len(list(store.compact.iterdir())) == 2  # appended


def test_a_copy_is_never_believed_about_a_run_that_changed(store: Store) -> None:
    scores(results_dir=store.path)
    fill(store, "r1", seed=1, value=0.75)
    text = store.run("r2").scores("a").read_text()
    store.run("r2").scores("a").write_text(text.replace('"mig": 0.5', '"mig": 0.6'))  # by hand, of the same length
    for file in store.run("r3").path.iterdir():
        file.unlink()
    table = scores(results_dir=store.path)
    found = table[table["factor"].isna()].set_index("run")["score"]
    assert found.to_dict() == {"r0": 0.5, "r1": 0.75, "r2": 0.6, "r4": 0.5}
    same(scores(results_dir=store.path), table)


def test_many_files_become_one(store: Store) -> None:
    for seed in range(5, 5 + 2 * compact.MANY):
        fill(store, f"r{seed:02}", seed)
        scores(results_dir=store.path)
    assert len(list(store.compact.iterdir())) <= compact.MANY
    table = scores(results_dir=store.path)
    assert table["run"].nunique() == 5 + 2 * compact.MANY
    assert table["run"].is_monotonic_increasing
    for path in store.compact.iterdir():
        path.unlink()
    same(scores(results_dir=store.path), table)


@pytest.mark.parametrize("harm", ["truncated", "flipped", "garbage"])
def test_a_damaged_copy_is_made_again(store: Store, harm: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = scores(results_dir=store.path)
    (path,) = store.compact.iterdir()
    content = path.read_bytes()
    flipped = content[:100] + bytes(b ^ 255 for b in content[100:300]) + content[300:]
    path.write_bytes({"truncated": content[:-100], "flipped": flipped, "garbage": b"PAR1"}[harm])
    same(scores(results_dir=store.path), table)
    assert "is made again" in capsys.readouterr().err
    same(scores(results_dir=store.path), table)
    assert not capsys.readouterr().err


def test_a_store_that_cannot_be_written_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.compact.write_text("in the way")
    assert len(scores(results_dir=store.path)) == 10
    assert "the compacted copy is not kept: cannot write" in capsys.readouterr().err


DAMAGES = {"config.json": b"garbage", "done.json": b'{"device": "c', "scores-a.json": b'{"cells": [{"key": 1}]}'}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_record_that_cannot_be_read_is_named_every_time_and_hides_no_other(
    store: Store, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.run("r1").path / name).write_bytes(DAMAGES[name])
    for _ in range(2):
        table = scores(results_dir=store.path)
        assert set(table["run"]) >= {"r0", "r2", "r3", "r4"}
        assert f"run r1: cannot read {store.run('r1').path / name}" in capsys.readouterr().err


def test_scores_of_a_factor_that_does_not_exist_are_named_and_disturb_no_other(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = scores(results_dir=store.path)
    path = store.run("r1").scores("a")
    path.write_text(path.read_text().replace("mig/1", "mig/99"))
    table = scores(results_dir=store.path)
    same(table, expected[expected["run"] != "r1"].reset_index(drop=True).assign(run=table["run"]))
    assert table["run"].unique().tolist() == ["r0", "r2", "r3", "r4"]
    assert "run r1: cannot place the scores of r1: IndexError" in capsys.readouterr().err


STEPS = "step,loss,reconstruction,kl\n1,0,700,0\n80,0,50,9\n90,0,31,10\n100,0,29,12\n"


@pytest.mark.parametrize("cells", [0, 40])
def test_a_record_that_is_written_again_after_its_folder_was_listed_is_read_whole(store: Store, cells: int) -> None:
    listings = list(store.listings().values())
    written = [cell({"mig": 0.7}) | {"key": f"k{k}"} for k in range(cells)]
    write_json(store.run("r3").scores("a"), {"run": "r3", "cells": written})
    rows, damaged = read_records(store, listings)
    assert damaged == []
    assert rows.column("run").to_pylist().count("r3") == cells


def test_final_losses_are_means_over_the_last_fifth_of_training(store: Store) -> None:
    store.run("r1").losses.write_text(STEPS)
    table = scores(results_dir=store.path)
    found = table[table["metric"] == "training"].set_index("name")
    assert found["score"].to_dict() == {"reconstruction": 30, "kl": 11, "elbo": -41}
    assert set(found["num_train"]) == {64}
    assert found["representation"].isna().all()


def test_a_model_without_a_kl_has_its_reconstruction_alone(store: Store) -> None:
    store.run("r1").losses.write_text("step,loss,reconstruction,kl\n100,30,30,nan\n")
    table = scores(results_dir=store.path)
    assert table[table["metric"] == "training"].set_index("name")["score"].to_dict() == {"reconstruction": 30}


@pytest.mark.parametrize(
    "text", ["", "step,loss\n1,2\n", "step,loss,reconstruction,kl\n1,2,3\n", "step,reconstruction,kl\n"]
)
def test_damaged_losses_are_named(text: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.run("r1").losses.write_text(text)
    assert "training" not in set(scores(results_dir=store.path)["metric"])
    assert f"cannot read {store.run('r1').losses}" in capsys.readouterr().err


def test_some_runs_and_cells_of_a_store_exported_as_parquet_and_csv(store: Store) -> None:
    table = stored_scores(store, runs=["r1", "r3"], cells=["m"])
    assert set(table["run"]) == {"r1", "r3"}
    parquet, csv = export(table, store.study("mine"))
    same(pd.read_parquet(parquet), table)
    assert pd.read_csv(csv)["score"].tolist() == table["score"].tolist()
