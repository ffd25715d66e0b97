"""The score table: its schema, the end of training as scores, the compacted copy, and records that cannot be read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.store.files import digest, write_json
from bench.store.folders import Store
from bench.study.given import GivenCodes
from bench.table import compact
from bench.table.records import read_records
from bench.table.reference import read_reference
from bench.table.scores import scores
from bench.table.stored import COLUMNS, export, stored_scores


def config(seed: int) -> dict[str, Any]:
    """What a run is."""
    hashed = {
        "model": {"name": "beta_vae", "version": 1, "hyper": {"beta": 1.0}}, "seed": seed,
        "dataset": {"name": "dsprites", "version": 1}, "schedule": {"batch_size": 32},
    }  # fmt: skip
    return hashed | {"id": digest(hashed), "strength": 0, "value": 1.0, "schedule_label": "quick"}


SEEDS = sorted(range(5), key=lambda seed: str(config(seed)["id"]))  # in the order of the table
RUNS = [str(config(seed)["id"]) for seed in SEEDS]


def fill(store: Store, seed: int, value: float = 0.5) -> str:
    """What training and scoring leave of a run; its id."""
    run: str = config(seed)["id"]
    folder = store.run(run)
    write_json(folder.config, config(seed))
    write_json(
        folder.done,
        {"device": "cpu", "seconds": 6.0, "fleet": 3, "versions": {"torch": "2", "bench": "1"}, "revision": "abc"},
    )
    write_json(
        folder.scores("a"), {"run": run, "cells": [cell({"mig": value, "mig/1": 0.25}), cell(failed="Oops: no")]}
    )
    return run


def cell(values: Mapping[str, object] | None = None, failed: str = "") -> dict[str, object]:
    outcome = {"failed": failed, "traceback": ""} if failed else {"values": values, "rows": {"num_points": 10}}
    kept = {"metric": "sap" if failed else "mig", "version": 1, "representation": "mean", "seconds": 0.5}
    return kept | {"key": "f" if failed else "m"} | outcome


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Five runs; a command that writes makes a copy of them at once."""
    monkeypatch.setattr(compact, "WORTHWHILE", 1)
    store = Store(tmp_path, writable=True)
    for seed in SEEDS:
        fill(store, seed)
    return store


def copied(store: Store) -> pd.DataFrame:
    """The table, after a command that writes has read the store."""
    compact.contents(store)
    return scores(results_dir=store.path)


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_each_score_of_each_run_is_a_row_and_failed_cells_are_none(store: Store) -> None:
    table = scores(results_dir=store.path)
    assert {c: str(t) for c, t in table.dtypes.items()} == COLUMNS
    assert len(table) == 5 * 2
    row = table[table["factor"].isna()].iloc[2]
    assert row[["run", "seed", "name", "score", "num_train", "seconds"]].tolist() == [
        RUNS[2],
        SEEDS[2],
        "mig",
        0.5,
        10,
        0.5,
    ]
    assert table["factor"].dropna().unique().tolist() == ["scale"]


@pytest.mark.parametrize("value", ["0.5", True, None])
def test_a_value_that_is_no_number_hides_its_own_run_alone(value: object, store: Store) -> None:
    cells = [cell({"mig": value, "mig/1": 0.25})]  # of the description that the runs before it have
    write_json(store.run(RUNS[-1]).scores("a"), {"run": RUNS[-1], "cells": cells})
    table = scores(results_dir=store.path)
    assert table.groupby("run", observed=True).size().to_dict() == dict.fromkeys(RUNS[:-1], 2)


def test_what_is_behind_a_run_stands_beside_its_scores(store: Store) -> None:
    row = scores(results_dir=store.path).iloc[0]
    behind = ["device", "train_seconds", "versions", "revision"]
    assert row[behind].tolist() == ["cpu", 2.0, "bench 1, torch 2", "abc"]  # a third of the time of three


def test_reading_a_table_makes_no_copy(store: Store) -> None:
    scores(results_dir=store.path)
    assert not store.compact.exists()


def test_a_copy_says_what_the_folders_say(store: Store) -> None:
    from_folders = scores(results_dir=store.path)
    same(copied(store), from_folders)
    assert len(list(store.compact.iterdir())) == 1
    same(scores(results_dir=store.path), from_folders)


def test_a_copy_is_read_instead_of_the_folders(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = copied(store)
    asked: list[str] = []
    read = compact.read_records
    monkeypatch.setattr(compact, "read_records", lambda s, runs: read(s, [r for r in runs if not asked.append(r.run)]))
    same(scores(results_dir=store.path), before)
    added = fill(store, 9)
    assert copied(store)["run"].nunique() == 6
    assert asked == [added]
    assert len(list(store.compact.iterdir())) == 2  # appended


def test_a_copy_is_never_believed_about_a_run_that_changed(store: Store) -> None:
    copied(store)
    fill(store, SEEDS[1], value=0.75)
    text = store.run(RUNS[2]).scores("a").read_text()
    store.run(RUNS[2]).scores("a").write_text(text.replace('"mig": 0.5', '"mig": 0.6'))  # by hand, of the same length
    for file in store.run(RUNS[3]).path.iterdir():
        file.unlink()
    table = scores(results_dir=store.path)
    found = table[table["factor"].isna()].set_index("run")["score"]
    assert found.to_dict() == {RUNS[0]: 0.5, RUNS[1]: 0.75, RUNS[2]: 0.6, RUNS[4]: 0.5}
    same(copied(store), table)
    same(scores(results_dir=store.path), table)


def test_many_files_become_one(store: Store) -> None:
    for seed in range(5, 5 + 2 * compact.MANY):
        fill(store, seed)
        copied(store)
    assert len(list(store.compact.iterdir())) <= compact.MANY
    table = scores(results_dir=store.path)
    assert table["run"].nunique() == 5 + 2 * compact.MANY
    assert table["run"].is_monotonic_increasing
    for path in store.compact.iterdir():
        path.unlink()
    same(scores(results_dir=store.path), table)


@pytest.mark.parametrize("harm", ["truncated", "flipped", "garbage", "folder", "other types", "a stranger's rows"])
def test_a_damaged_copy_is_left_out_by_who_reads_and_made_again_by_who_writes(
    store: Store, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = copied(store)
    (path,) = store.compact.iterdir()
    spoil(path, harm)
    for _ in range(2):
        same(scores(results_dir=store.path), table)
        assert path.exists()
    assert capsys.readouterr().err.replace("\n", " ").count("cannot be read and is left out") == 1
    same(copied(store), table)
    assert "is made again" in capsys.readouterr().err
    same(copied(store), table)
    assert not capsys.readouterr().err or harm == "folder"


def spoil(path: Path, harm: str) -> None:
    """Damage a file of the copy."""
    content = path.read_bytes()
    if harm == "folder":
        path.unlink()
        path.mkdir()
    elif harm in ("other types", "a stranger's rows"):
        rows = pq.read_table(path)
        if harm == "other types":
            rows = rows.set_column(rows.column_names.index("seed"), "seed", rows["seed"].cast(pa.string()))
        else:
            named = [RUNS[0] if run == RUNS[1] else run for run in rows["run"].to_pylist()]
            held = {r: p for r, p in json.loads(rows.schema.metadata[b"runs"]).items() if r != RUNS[0]}
            notes = rows.schema.metadata | {b"runs": json.dumps(held).encode()}
            words = pa.array(named).dictionary_encode().cast(rows.schema.field("run").type)
            rows = rows.set_column(rows.column_names.index("run"), "run", words).replace_schema_metadata(notes)
        pq.write_table(rows, path)
    else:
        flipped = content[:100] + bytes(b ^ 255 for b in content[100:300]) + content[300:]
        path.write_bytes({"truncated": content[:-100], "flipped": flipped, "garbage": b"PAR1"}[harm])


def test_a_store_that_cannot_be_written_is_read(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.compact.write_text("in the way")
    assert len(copied(store)) == 10
    assert "the compacted copy is not kept: cannot write" in capsys.readouterr().err


DAMAGES = {"config.json": b"garbage", "done.json": b'{"device": "c', "scores-a.json": b'{"cells": [{"key": 1}]}'}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_record_that_cannot_be_read_is_named_once_and_hides_no_other(
    store: Store, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.run(RUNS[1]).path / name).write_bytes(DAMAGES[name])
    for _ in range(2):
        table = scores(results_dir=store.path)
        assert set(table["run"]) >= {*RUNS} - {RUNS[1]}
    told = capsys.readouterr().err
    assert told.count(f"run {RUNS[1]}: cannot read {store.run(RUNS[1]).path / name}") == 1


def test_scores_of_a_factor_that_does_not_exist_are_named_and_disturb_no_other(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"run": RUNS[1], "cells": [cell({"mig": 0.5}) | {"key": "other"}]}
    write_json(store.run(RUNS[1]).scores("b"), other)
    expected = scores(results_dir=store.path)
    path = store.run(RUNS[1]).scores("a")
    path.write_text(path.read_text().replace("mig/1", "mig/99"))
    table = scores(results_dir=store.path)
    left = (expected["run"] != RUNS[1]) | (expected["cell"] == "other")
    same(table, expected[left].reset_index(drop=True))
    assert f"run {RUNS[1]}: cannot read {path}: dsprites has no factor 99" in capsys.readouterr().err


def test_a_factor_has_the_name_that_it_had_when_it_was_scored(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    written = {"run": RUNS[1], "cells": [cell({"mig/1": 0.25})], "factors": ["hue", "form"]}
    write_json(store.run(RUNS[1]).scores("a"), written)
    names = scores(results_dir=store.path).dropna(subset="factor").set_index("run")["factor"]
    assert (names[RUNS[0]], names[RUNS[1]]) == ("scale", "form")
    write_json(store.run(RUNS[1]).scores("a"), written | {"factors": ["<b>", 3]})
    assert RUNS[1] not in scores(results_dir=store.path).dropna(subset="factor")["run"].tolist()
    assert "[0] is '<b>', not one printable line" in capsys.readouterr().err


STEPS = "step,loss,reconstruction,kl\n1,0,700,0\n80,0,50,9\n90,0,31,10\n100,0,29,12\n"


@pytest.mark.parametrize("cells", [0, 40])
def test_a_record_that_is_written_again_after_its_folder_was_listed_is_read_whole(store: Store, cells: int) -> None:
    listings = list(store.listings().values())
    written = [cell({"mig": 0.7}) | {"key": f"k{k}"} for k in range(cells)]
    write_json(store.run(RUNS[3]).scores("a"), {"run": RUNS[3], "cells": written})
    rows, damaged = read_records(store, listings)
    assert damaged == []
    assert rows.column("run").to_pylist().count(RUNS[3]) == cells


def test_final_losses_are_means_over_the_last_fifth_of_training(store: Store) -> None:
    store.run(RUNS[1]).losses.write_text(STEPS)
    table = scores(results_dir=store.path)
    found = table[table["metric"] == "training"].set_index("name")
    assert found["score"].to_dict() == {"training_reconstruction": 30, "training_kl": 11, "training_elbo": -41}
    assert set(found["num_train"]) == {64}
    assert found["representation"].isna().all()


def test_a_model_without_a_kl_has_its_reconstruction_alone(store: Store) -> None:
    store.run(RUNS[1]).losses.write_text("step,loss,reconstruction,kl\n100,30,30,nan\n")
    table = scores(results_dir=store.path)
    assert table[table["metric"] == "training"].set_index("name")["score"].to_dict() == {"training_reconstruction": 30}


@pytest.mark.parametrize(
    "text", ["", "step,loss\n1,2\n", "step,loss,reconstruction,kl\n1,2,3\n", "step,reconstruction,kl\n"]
)
def test_damaged_losses_are_named(text: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.run(RUNS[1]).losses.write_text(text)
    assert "training" not in set(scores(results_dir=store.path)["metric"])
    assert f"cannot read {store.run(RUNS[1]).losses}" in capsys.readouterr().err


def test_some_runs_of_a_store_exported_as_parquet_and_csv(store: Store) -> None:
    table = stored_scores(store, runs=[RUNS[1], RUNS[3]])
    assert set(table["run"]) == {RUNS[1], RUNS[3]}
    parquet, csv, *_ = export(table, store.study("mine"))
    same(pd.read_parquet(parquet), table)
    assert pd.read_csv(csv)["score"].tolist() == table["score"].tolist()


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ({}, "beta"),  # as records were before they said it
        ({"hyperparameter": "alpha"}, "alpha"),
        ({"hyperparameter": None}, None),
    ],
)
def test_a_run_has_the_hyperparameter_of_its_record_or_of_its_model(
    added: dict[str, str | None], told: str | None, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    write_json(store.run(fill(store, 0)).config, config(0) | added)
    table = stored_scores(store)
    assert table["strength_index"].eq(0).all()
    assert (
        table["hyperparameter"].astype(object).map(lambda name: name if isinstance(name, str) else None).tolist()
        == [told] * 2
    )


def test_codes_from_elsewhere_sweep_nothing(tmp_path: Path) -> None:
    store, codes = Store(tmp_path), GivenCodes("mine", 0, "dsprites", 1, "0" * 64, "a.npz", 2)
    fill(store, 0)
    write_json(store.run(codes.id).config, codes.record())
    write_json(store.run(codes.id).scores("a"), {"cells": [cell({"mig": 0.5})]})
    (row,) = stored_scores(store, [codes.id]).to_dict("records")
    assert (row["strength_index"], pd.isna(row["hyperparameter"])) == (2, True)


def test_every_run_of_the_shipped_table_that_sweeps_something_names_it() -> None:
    table, _ = read_reference()
    assert table["hyperparameter"].notna().eq(table["value"].notna()).all()
    named = dict(zip(table["model"], table["hyperparameter"], strict=True))
    assert (named["annealed_vae"], named["beta_vae"], named["factor_vae"]) == ("c_max", "beta", "gamma")
