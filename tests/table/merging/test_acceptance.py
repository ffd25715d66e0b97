"""What ids prove, what may be missing or differ, and whose score of a group of runs counts."""

import dataclasses
import gzip
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from merging.tables import (
    BETA,
    MIG,
    PCA,
    QUICK,
    RUNS,
    SCHEDULE,
    changed,
    folder_of,
    grouped,
    of_format_1,
    refused,
    scored,
)

from bench.columns import COLUMNS
from bench.data.sampling import of_entry
from bench.store.files import StoreError, digest, write_json
from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.study.plan import Plan
from bench.table.folder import FORMAT
from bench.table.identities import among, check_identities, identities_of
from bench.table.reference import ConflictError, Merged, merge, read_reference, reference_of, undo_merge
from bench.table.verification import name_taken


def test_ids_are_proved_by_what_they_are_the_hashes_of(results: Store, tmp_path: Path) -> None:
    identities = {BETA.id: BETA.config(), MIG.key: dataclasses.asdict(MIG)}
    folder = folder_of(tmp_path / "a", [*scored(BETA), *scored(RUNS[1])], identities)
    assert merge(folder, results) == Merged(added=4, equal=0, superseded=0, unverified=1)
    assert merge(results.reference(), results).unverified == 1  # the reference table keeps them


def test_an_export_says_what_its_ids_are_the_hashes_of(tmp_path: Path) -> None:
    file = {"model": {"name": "mine", "version": 1, "hyper": {}}, "seed": 0, "codes": "0" * 64}
    file |= {"dataset": {"name": "dsprites", "version": 1}}
    given, own = digest(file), Store(tmp_path)
    shown = {"id": given, "strength": None, "value": None, "schedule_label": "codes from a file", "file": "x.npz"}
    write_json(own.run(given).config, file | shown)
    mine = {
        "run": given,
        "model": "mine",
        "hyperparameter": None,
        "strength_index": None,
        "value": None,
        "schedule": "codes from a file",
    }
    rows = [*scored(BETA), *scored(PCA), *grouped(RUNS), *(row | mine for row in scored(BETA))]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    found = identities_of(table, Plan("tiny", "Tiny", (BETA, *RUNS[1:], PCA), ("mig",), QUICK), own)
    assert found.keys() == set(table["run"]) | set(table["cell"])
    assert check_identities(found, table) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "factor_vae"}, "another model in the table than in what its id is the hash of"),
        ({"seed": 3}, "another seed"),
        ({"dataset": "noisy_dsprites"}, "another data set"),
        ({"value": 8.0}, "another value"),
        ({"schedule": "published: 300,000 steps, 64x64 px"}, "another schedule"),
        ({"metric": "sap", "name": "sap"}, f"cell {MIG.key} is sap in the table and something else"),
        ({"version": 2}, f"cell {MIG.key} is mig in the table and something else"),
    ],
)
def test_rows_that_say_something_else_than_their_ids_are_refused(
    change: dict[str, Any], message: str, results: Store, tmp_path: Path
) -> None:
    identities = {BETA.id: BETA.config(), MIG.key: dataclasses.asdict(MIG)}
    folder = folder_of(tmp_path / "a", [row | change for row in scored(BETA)], identities)
    assert message in refused(folder, results)


@pytest.mark.parametrize(
    ("identities", "message"),
    [
        ({BETA.id: BETA.config() | {"seed": 1}}, f"{BETA.id} is not the hash of what is said of it"),
        ({BETA.id: None}, "is not the hash"),
        ({digest([1]): [1]}, None),  # of no run and no cell
        ({"a\x1b": {}}, r"a\x1b is not the hash"),
    ],
)
def test_an_identity_must_be_one(
    identities: dict[str, Any], message: str | None, results: Store, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA), identities)
    if message is None:
        assert merge(folder, results).added == 2
        assert b"[1]" not in gzip.decompress(results.reference().identities.read_bytes())
    else:
        assert message in refused(folder, results)


@pytest.mark.parametrize(
    "said",
    [
        {}, [], [[]], {"model": 3}, {"model": {"name": "beta_vae", "hyper": 3}, "seed": 0, "schedule": [3]},
        {"model": {"name": "beta_vae", "hyper": {}}, "seed": 0, "dataset": "dsprites", "schedule": {"image_size": 32}},
        BETA.config() | {"schedule": "x"}, BETA.config() | {"schedule": {"steps": "x", "image_size": 32}},
        ["mig", 1, 10_000, 3], ["mig", 1, 10_000, [3]], ["udr", 1], {"metric": ["mig"]},
    ],
)  # fmt: skip
def test_what_has_the_right_hash_and_a_wrong_form_is_refused(said: Any, results: Store, tmp_path: Path) -> None:
    for column in ("run", "cell"):
        rows = [row | {column: digest(said), "metric": "udr", "name": "udr_lasso"} for row in scored(BETA)]
        line = refused(folder_of(tmp_path / column, rows, {digest(said): said}), results)
        assert re.search("another (form|value|data set)|something else in what it is of", line)


@pytest.mark.parametrize("text", [b"[]", b"\xff", b'{"a": NaN}', b'{"a":' * 2_000, b""])
def test_identities_that_cannot_be_read_are_refused(text: bytes, results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    folder.identities.write_bytes(gzip.compress(text))
    assert f"cannot read {folder.identities}" in refused(folder, results)


def test_a_column_that_is_missing_is_empty_and_one_that_is_unknown_is_left_out(
    results: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = changed(
        folder_of(tmp_path / "a", scored(BETA)),
        lambda rows: [{"energy": "3"} | {k: v for k, v in row.items() if k != "revision"} for row in rows],
    )
    assert merge(folder, results).added == 2
    assert "columns that this version does not know and leaves out: 'energy'" in capsys.readouterr().err
    table, card = read_reference(reference_of(results))
    assert {c: str(t) for c, t in table.dtypes.items()} == COLUMNS
    assert table["revision"].isna().all()
    assert card["format"] == FORMAT


def test_tables_of_before_there_was_a_format_or_a_checksum_are_read(results: Store, tmp_path: Path) -> None:
    folder = of_format_1(folder_of(tmp_path / "a", scored(BETA)))
    folder.identities.unlink()
    assert merge(folder, results) == Merged(added=2, equal=0, superseded=0, unverified=1)


def test_a_label_may_differ_in_what_the_id_does_not_depend_on(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", [*scored(BETA), *scored(PCA)], {PCA.id: PCA.config()}), results)
    named = {"schedule": "mine: 2,000 steps, 32x32 px"}
    assert merge(folder_of(tmp_path / "b", [row | named for row in scored(BETA)]), results).equal == 2
    mixed = folder_of(tmp_path / "m", [scored(BETA)[0] | named, scored(BETA)[1]])
    assert merge(mixed, results).equal == 2
    shorter = {"schedule": "quick: 300 steps, 32x32 px"}  # a fitted learner takes none of them
    assert merge(folder_of(tmp_path / "c", [row | shorter for row in scored(PCA)]), results).equal == 2
    assert set(read_reference(reference_of(results))[0]["schedule"]) == {SCHEDULE.label}
    assert "has schedule" in refused_again(folder_of(tmp_path / "d", [r | shorter for r in scored(BETA)]), results)
    of_sizes = [[row | {"schedule": f"{size} px"} for row in scored(PCA)] for size in ("32x32", "64x64")]
    small, large = (folder_of(tmp_path / f"{i}", rows, {}) for i, rows in enumerate(of_sizes))
    others = Store(tmp_path / "others")
    merge(folder_of(tmp_path / "small", of_sizes[0], {PCA.id: PCA.config()}), others)
    assert merge(small, others).equal == 2
    assert "has schedule 64x64 px in one row and 32x32 px in another" in refused_again(large, others)


def test_a_sampling_is_that_which_the_id_is_the_hash_of(results: Store, tmp_path: Path) -> None:
    few, fewer = (
        dataclasses.replace(BETA, sampling=of_entry({"kind": "subset", "images": images, "draw": 0}))
        for images in (100, 90)
    )
    rows = [row | {"schedule": few.label} for row in scored(few)]
    assert merge(folder_of(tmp_path / "a", rows, {few.id: few.config()}), results).unverified == 0
    for label in (fewer.label, BETA.label):
        folder = folder_of(
            tmp_path / f"{len(label)}", [row | {"schedule": label} for row in rows], {few.id: few.config()}
        )
        assert f"run {few.id} has another sampling in the table" in refused(folder, results)


def test_a_group_has_no_other_runs_than_its_key_is_the_hash_of(results: Store, tmp_path: Path) -> None:
    key = grouped(RUNS[:2])[0]["cell"]
    content = ["udr", 1, 10_000, sorted(run.id for run in RUNS[:2])]
    assert merge(folder_of(tmp_path / "a", grouped(RUNS[:2]), {key: content}), results).added == 2
    more = [row | {"cell": key} for row in grouped(RUNS)]
    assert f"cell {key} is udr in the table and something else" in refused(
        folder_of(tmp_path / "b", more, {key: content}), results
    )


def test_what_an_id_is_not_the_hash_of_is_not_kept_as_its_proof() -> None:
    table = pd.DataFrame([*scored(BETA), *scored(RUNS[1])], columns=list(COLUMNS)).astype(COLUMNS)
    assert among({BETA.id: BETA.config(), RUNS[1].id: BETA.config()}, table) == {BETA.id: BETA.config()}


def test_rows_are_compared_in_whatever_order_they_are(results: Store, tmp_path: Path) -> None:
    rows = [*scored(RUNS[0]), *scored(RUNS[1]), *scored(RUNS[2])]
    merge(folder_of(tmp_path / "a", rows), results)
    assert merge(folder_of(tmp_path / "b", rows[::-1]), results).equal == 6


def refused_again(folder: TableFolder, results: Store) -> str:
    with pytest.raises(StoreError) as found:
        merge(folder, results)
    return str(found.value)


def test_the_score_of_a_larger_group_takes_the_place_of_a_smaller_ones(results: Store, tmp_path: Path) -> None:
    two = folder_of(tmp_path / "two", grouped(RUNS[:2], 0.5))
    three = folder_of(tmp_path / "three", grouped(RUNS, 0.6))
    assert merge(two, results) == Merged(added=2, equal=0, superseded=0, unverified=2)
    assert merge(three, results) == Merged(added=3, equal=0, superseded=2, unverified=3)
    table = read_reference(reference_of(results))[0]
    assert table["score"].tolist() == [0.6, 0.61, 0.62]
    assert merge(two, results) == Merged(added=0, equal=0, superseded=2, unverified=2)
    assert read_reference(reference_of(results))[0].equals(table)
    assert str(three.path) in undo_merge(results)  # what changed nothing is nothing to take back
    assert read_reference(reference_of(results))[0]["score"].tolist() == [0.5, 0.51]


def test_the_order_of_merges_does_not_matter_to_groups(tmp_path: Path) -> None:
    folders = [folder_of(tmp_path / f"{i}", grouped([RUNS[0], RUNS[1 + i]], 0.5 + i / 10)) for i in range(2)]
    found = []
    for name, order in (("forth", folders), ("back", folders[::-1])):
        results = Store(tmp_path / name)
        for folder in order:
            merge(folder, results)
        found.append(results.reference().table.read_bytes())
    assert found[0] == found[1]


def test_one_group_cannot_have_two_scores(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", grouped(RUNS)), results)
    folder = folder_of(tmp_path / "b", grouped(RUNS, 0.7, pool=20_000))
    with pytest.raises(ConflictError, match="in the same group of 3 runs"):
        merge(folder, results)
    assert merge(folder_of(tmp_path / "c", grouped(RUNS, pool=20_000)), results).added in (0, 3)  # the same scores
    assert len(read_reference(reference_of(results))[0]) == 3


def test_a_name_is_taken_by_a_row_of_the_table_or_a_model_of_the_suite(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", [row | {"model": "theirs"} for row in scored(BETA)]), results)
    assert name_taken("theirs", results) == f"a row of {results.reference().table}"
    assert name_taken("beta_vae", results) == "a model of the suite"
    assert name_taken("mine", results) is None
