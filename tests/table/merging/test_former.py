"""Tables of format 1 called the strength index `strength` and named no hyper-parameter; they are read and merged."""

from pathlib import Path
from typing import Any

import pytest
from merging.tables import BETA, PCA, changed, folder_of, of_format_1, refused, scored

from bench.analysis.names import hyperparameters
from bench.columns import COLUMNS
from bench.store.folders import Store
from bench.table.reference import Merged, merge, read_reference, reference_of

SWEPT = {"hyperparameter": "beta", "strength_index": 2, "value": 4.0}
PLUG_IN = [row | {"run": "ab" * 6, "model": "mine", "hyperparameter": "alpha"} for row in scored(BETA)]
CODES: list[dict[str, Any]] = [
    row | {"run": "cd" * 6, "model": "theirs", "hyperparameter": None, "schedule": "codes from a file"}
    for row in scored(BETA)
]


def test_the_index_has_its_name_and_models_of_the_suite_have_the_name_of_what_they_sweep(tmp_path: Path) -> None:
    table, card = read_reference(of_format_1(folder_of(tmp_path, [*scored(BETA), *scored(PCA), *PLUG_IN, *CODES])))
    assert "format" not in card
    assert {c: str(t) for c, t in table.dtypes.items()} == COLUMNS
    assert table[table["model"] == "beta_vae"][list(SWEPT)].drop_duplicates().to_dict("records") == [SWEPT]
    assert hyperparameters(table) == {"beta_vae": "beta"}
    assert table[table["model"] == "theirs"]["strength_index"].eq(2).all()


def test_the_file_of_a_table_says_by_its_format_which_names_it_has(results: Store, tmp_path: Path) -> None:
    old, new = (folder_of(tmp_path / name, scored(BETA)) for name in ("old", "new"))
    (of_format_1(old).path / "card.yaml").write_text("format: 2\nparts: []\n")
    assert "it has no column hyperparameter, strength_index;" in refused(old, results)
    new.card.write_text("format: 1\nparts: []\n")
    assert "it has no column strength;" in refused(new, results)


@pytest.mark.parametrize("first_is_old", [True, False])
def test_both_formats_join_and_the_same_rows_are_equal(first_is_old: bool, results: Store, tmp_path: Path) -> None:
    rows = [*scored(BETA), *scored(PCA), *PLUG_IN, *CODES]
    old, new = of_format_1(folder_of(tmp_path / "old", rows)), folder_of(tmp_path / "new", rows)
    first, second = (old, new) if first_is_old else (new, old)
    assert merge(first, results).added == 8
    assert merge(second, results) == Merged(added=0, equal=8, superseded=0, unverified=4)
    merge(folder_of(tmp_path / "more", [*scored(BETA, score=0.25), *PLUG_IN[:1]]), results)
    again, card = read_reference(reference_of(results))
    assert (len(again), card["format"]) == (8, 2)
    assert hyperparameters(again)["beta_vae"] == "beta"


def test_a_name_that_one_table_has_is_kept_for_all_rows_of_the_run(results: Store, tmp_path: Path) -> None:
    merge(of_format_1(folder_of(tmp_path / "old", PLUG_IN[:1])), results)
    assert hyperparameters(read_reference(reference_of(results))[0]) == {}
    assert merge(folder_of(tmp_path / "new", PLUG_IN), results).added == 1
    assert read_reference(reference_of(results))[0]["hyperparameter"].tolist() == ["alpha", "alpha"]


def test_two_names_of_one_run_are_refused(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", PLUG_IN), results)
    folder = changed(folder_of(tmp_path / "b", PLUG_IN), lambda rows: [r | {"hyperparameter": "beta"} for r in rows])
    assert "has hyperparameter beta in one row and alpha in another" in refused(folder, results)


def test_the_name_is_one_of_those_that_the_id_is_the_hash_of(results: Store, tmp_path: Path) -> None:
    rows = [row | {"hyperparameter": "gamma"} for row in scored(BETA)]
    assert "another hyper-parameter" in refused(folder_of(tmp_path / "a", rows, {BETA.id: BETA.config()}), results)
