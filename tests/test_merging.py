"""A table from elsewhere is merged whole or refused in one line; what a merge did is taken back to the byte."""

import csv
import dataclasses
import gzip
import io
import os
import random
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bench import commands, store
from bench.columns import COLUMNS
from bench.grid import ConfigError, Plan, Protocol, Run, Schedule
from bench.group_scoring import UDR
from bench.identities import check_identities, identities_of
from bench.reference import ConflictError, Merged, known, merge, read_reference, undo_merge
from bench.scoring import Cell, cells
from bench.store import Store, StoreError, TableFolder, digest, sha256_of, write_json
from bench.table_folder import FORMAT, write_folder

SCHEDULE = Schedule(2_000, 64, 1e-3, 32, "small", 10, 1, "quick", 100, 100)
BETA = Run("beta_vae", 1, False, {"beta": 4.0}, "beta", 2, 4.0, 0, "dsprites", 1, SCHEDULE)  # type: ignore[arg-type]
RUNS = [dataclasses.replace(BETA, seed=seed) for seed in range(3)]
PCA = Run("pca", 1, True, {}, None, None, None, 0, "dsprites", 1, SCHEDULE)
QUICK = Protocol("quick", 10_000, 5_000, 5_000, 2_000, ("mean",), (), {})
(MIG,) = cells(["mig"], QUICK)
(OTHER_MIG,) = cells(["mig"], dataclasses.replace(QUICK, pool=20_000))

Rows = list[dict[str, str]]


@pytest.fixture(autouse=True, scope="module")
def without_the_shipped_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The store's own table alone counts here."""
    nothing = TableFolder(tmp_path_factory.mktemp("package") / "not shipped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.reference.shipped_reference", lambda: nothing)
        yield


@pytest.fixture
def results(tmp_path: Path) -> Store:
    return Store(tmp_path / "own")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store whose reference table has two runs; of what is refused nothing stays, so all share it."""
    path = tmp_path_factory.mktemp("standing")
    merge(folder_of(path / "a", [*scored(RUNS[0]), *scored(RUNS[2])]), Store(path / "own"))
    return Store(path / "own")


def scored(run: Run, cell: Cell = MIG, score: float = 0.25) -> list[dict[str, Any]]:
    """Rows of a run: MIG, and MIG of one factor."""
    of_run = {"run": run.id, "model": run.model, "strength": run.strength, "value": run.value, "seed": run.seed}
    of_run |= {"dataset": run.dataset, "schedule": run.schedule.label, "device": "cpu (x86_64)", "train_seconds": 9.5}
    of_cell = {"metric": cell.metric, "version": cell.version, "representation": "mean", "cell": cell.key}
    of_cell |= {"num_train": 5_000, "num_test": 0, "seconds": 0.5, "versions": "bench 0.1.0, torch 2.13.0+cpu"}
    return [of_run | of_cell | {"name": "mig", "factor": f, "score": score + run.seed / 100} for f in (None, "scale")]


def grouped(runs: Sequence[Run], score: float = 0.5, pool: int = 10_000) -> list[dict[str, Any]]:
    """Rows of the UDR of runs that differ in their seed."""
    cell = {"cell": digest([UDR, 1, pool, sorted(r.id for r in runs)]), "metric": UDR, "num_train": 1_000}
    return [scored(run)[0] | cell | {"name": "udr_lasso", "score": score + run.seed / 100} for run in runs]


def folder_of(path: Path, rows: list[dict[str, Any]], identities: dict[str, Any] | None = None) -> TableFolder:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    write_folder(table, [{"study": path.name}], identities or {}, TableFolder(path))
    return TableFolder(path)


def changed(folder: TableFolder, change: Callable[[Rows], object]) -> TableFolder:
    """The folder with other rows, and a card that fits them."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(folder.table.read_bytes()).decode())))
    rows = new if isinstance(new := change(rows), list) else rows
    text = io.StringIO()
    written = csv.DictWriter(text, list(rows[0]))
    written.writeheader()
    written.writerows(rows)
    return replaced(folder, gzip.compress(text.getvalue().encode(errors="surrogateescape")))


def replaced(folder: TableFolder, table: bytes) -> TableFolder:
    folder.table.write_bytes(table)
    card = yaml.safe_load(folder.card.read_text())
    folder.card.write_text(yaml.safe_dump(card | {"sha256": sha256_of(folder.table)}))
    return folder


def content(folder: TableFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.path.glob("*"))}


def refused(folder: TableFolder, results: Store) -> str:
    """The one line that refuses a folder, after which the reference table is what it was."""
    before = content(results.reference())
    with pytest.raises(StoreError) as found:
        merge(folder, results)
    line = str(found.value)
    assert line.isprintable()
    assert len(line) < 1_000
    assert content(results.reference()) == before
    assert len(list(results.reference().before.glob("[0-9]*"))) == (1 if before else 0)
    return line


# what is refused ------------------------------------------------------------------------------------------------------


def cell_of(column: str, value: str, row: int = 1) -> Callable[[Rows], object]:
    return lambda rows: rows[row].update({column: value})


HOSTILE: dict[str, tuple[Callable[[Rows], object], str]] = {
    "a path for a model": (cell_of("model", "../../etc"), r"row 2 \(run \w+\): model '../../etc' is not a name"),
    "a path for a data set": (cell_of("dataset", "a/b"), "dataset 'a/b' is not a name"),
    "html": (cell_of("model", "<img src=x onerror=alert(1)>"), "model '<img .*' is not a name"),
    "a formula": (cell_of("name", '=HYPERLINK("http://x","y")'), "name '=HYPERLINK.*' is not a name"),
    "a formula of a device": (cell_of("device", "@SUM(A1)"), "device '@SUM.*' is not plain text"),
    "markdown": (cell_of("schedule", "[x](http://y)"), "schedule .* is not plain text"),
    "TeX": (cell_of("schedule", r"$\frac{$"), "schedule .* is not plain text"),
    "colours of a terminal": (cell_of("revision", "\x1b[31mred"), r"revision '\\x1b\[31mred' is not plain"),
    "letters that look alike": (cell_of("model", "bet\u0430_vae"), r"model 'bet\\u0430_vae' is not a name"),
    "a zero byte": (cell_of("model", "a\0b"), r"model 'a\\x00b' is not a name"),
    "a name without end": (cell_of("model", "a" * 65), "model 'a+' is not a name"),
    "no run": (cell_of("run", ""), r"row 2 \(run nan\): it has no run"),
    "a run of other letters": (cell_of("run", "XYZ"), r"run 'XYZ' is not 12 hex digits"),
    "no representation": (cell_of("representation", ""), f"mig of cell {MIG.key} has representation nan"),
    "the cell of training": (cell_of("cell", "training"), "mig of cell training has representation mean"),
    "training of a cell": (cell_of("metric", "training"), f"training of cell {MIG.key} has representation mean"),
    "a cell of other letters": (cell_of("cell", "MIG"), "cell 'MIG' is not 12 hex digits"),
    "no metric": (cell_of("metric", ""), "it has no metric"),
    "a third representation": (cell_of("representation", "median"), "representation 'median' is not mean or sampled"),
    "no score": (cell_of("score", ""), "score of mig is nan"),
    "a score that is no number": (cell_of("score", "nan"), "score of mig is nan"),
    "an infinite score": (cell_of("score", "-inf"), "score of mig is -inf"),
    "a score of words": (cell_of("score", "high"), "scores.csv.gz.*'high'"),
    "a score that overflows when it is squared": (cell_of("score", "1e200"), r"score is 1e\+200"),
    "a score out of its range": (cell_of("score", "1.01"), "mig is 1.01, its range is 0 to 1"),
    "a score that the metric lacks": (cell_of("name", "mug"), "mig has no score mug"),
    "a factor of another data set": (cell_of("factor", "floor_hue"), "dsprites has no factor floor_hue"),
    "a seed below zero": (cell_of("seed", "-1"), "seed is -1"),
    "a seed in fractions": (cell_of("seed", "0.5"), "scores.csv.gz.*'0.5'"),
    "a seed beyond 64 bits": (cell_of("seed", "9" * 30), "scores.csv.gz.*'9+'"),
    "no seed": (cell_of("seed", ""), "row 2 has no seed"),
    "rows below zero": (cell_of("num_train", "-5"), "num_train is -5"),
    "version zero": (cell_of("version", "0"), "version is 0"),
    "an infinite strength of the prior": (cell_of("value", "inf"), "value is inf"),
    "time that runs backwards": (cell_of("seconds", "-1"), "seconds is -1"),
    "a score that is there twice": (lambda rows: [*rows, rows[0]], "its mig is there twice"),
    "a run of two models": (cell_of("model", "factor_vae"), "has model beta_vae in one row and factor_vae in another"),
    "a run of two seeds": (cell_of("seed", "7"), "has seed 0 in one row and 7 in another"),
    "a run of two budgets": (
        cell_of("schedule", "quick: 9 steps, 32x32 px"),
        "has schedule quick: 2,000 steps, 32x32 px in one row and quick: 9 steps, 32x32 px in another",
    ),
    "a cell of two versions": (cell_of("version", "2"), f"cell {MIG.key} has version 1 in one row and 2 in another"),
    "a cell of two sizes": (cell_of("num_train", "7"), f"cell {MIG.key} has num_train 5000 in one row and 7 in anot"),
    "no column of scores": (lambda rows: [row.pop("score") for row in rows] and rows, "it has no column score"),
    "a row too long": (lambda rows: rows[0].update(model="a" * 2_000_000), "a row of more than 1,000,000 bytes"),
    "no rows": (lambda rows: [dict.fromkeys(rows[0], "")], "scores.csv.gz"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_rows_that_cannot_be_are_refused_in_a_line_that_names_them(name: str, standing: Store, tmp_path: Path) -> None:
    change, message = HOSTILE[name]
    folder = changed(folder_of(tmp_path / "b", [*scored(RUNS[0]), *scored(RUNS[1])]), change)
    line = refused(folder, standing)
    assert str(folder.table) in line
    assert re.search(message, line)


KNOWN: dict[str, tuple[list[dict[str, Any]], str]] = {
    "another seed": (
        [row | {"seed": 5, "cell": OTHER_MIG.key, "num_train": 9} for row in scored(RUNS[0])],
        "has seed 5 in one row and 0 in another",
    ),
    "another cell key": (
        scored(RUNS[0], OTHER_MIG),
        f"its mig is in the reference table under another cell key than {OTHER_MIG.key}",
    ),
    "another meaning of a cell": (
        [row | {"version": 2} for row in scored(RUNS[1])],
        f"cell {MIG.key} has version 2 in one row and 1 in another",
    ),
    "another score": (
        scored(RUNS[0], score=0.75),
        "has mig of scale 0.25 in the reference table and 0.75 in the other; 2 scores of 1 runs differ",
    ),
    "other sizes": (
        [row | {"num_train": 4_000} for row in scored(RUNS[0])],
        "of 5000 rows in the reference table and of 4000 rows in the other",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_table_knows_cannot_become_something_else(name: str, standing: Store, tmp_path: Path) -> None:
    rows, message = KNOWN[name]
    folder = folder_of(tmp_path / "b", rows)
    assert re.search(message, refused(folder, standing))


def test_a_run_of_the_store_cannot_become_another_one(results: Store, tmp_path: Path) -> None:
    write_json(results.run(BETA.id).config, BETA.record())
    assert merge(folder_of(tmp_path / "a", scored(BETA)), results).added == 2
    undo_merge(results)
    for change in ({"model": "factor_vae"}, {"seed": 4}, {"strength": 3}, {"schedule": "quick: 9 steps, 32x32 px"}):
        folder = folder_of(tmp_path / "b", [row | change for row in scored(BETA)])
        assert re.search(f"run {BETA.id} has another (model|seed|strength|sched)", refused(folder, results))
    assert known(results) is None


CARDS = {
    "aliases": ("a: &a [x, x]\nparts: [*a, *a]\n", "it has YAML aliases or tags"),
    "a pyramid of aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9)),
        "it has YAML aliases or tags",
    ),
    "depth": ("parts: " + "[" * 50_000, "more than 10 levels deep"),
    "a number in base 60": ("parts: " + ":".join(["1"] * 100_000), "a text of more than 2,000 letters"),
    "size": ("#" * 1_000_001, "it has 1,000,001 bytes, more than 1,000,000"),
    "an object of Python": ("parts: !!python/object/apply:os.system [echo]", "it has YAML aliases or tags"),
    "a date that is none": ("parts: 2001-99-99", "month must be in 1..12"),
    "no text": ("\0", "special characters are not allowed"),
    "no keys": ("[]", "it holds no keys and values"),
    "no parts": ("format: 1", "parts is not a list"),
    "a format in words": ("format: first\nparts: []", "format is 'first', not a number from 1"),
    "a later format": (
        f"format: {FORMAT + 1}\nparts: []",
        f"this version reads up to {FORMAT}: update",
    ),
    "another table": (f"sha256: {'0' * 64}\nparts: []", "scores.csv.gz: it is not the table that card.yaml"),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_cannot_be_is_refused(name: str, standing: Store, tmp_path: Path) -> None:
    text, message = CARDS[name]
    folder = folder_of(tmp_path / "a", scored(BETA))
    folder.card.write_text(text)
    line = refused(folder, standing)
    assert str(folder.path) in line
    assert message in line


def bomb(megabytes: int) -> bytes:
    """A table of one row again and again, packed a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = pd.DataFrame(scored(BETA) * 2_500, columns=list(COLUMNS)).to_csv(index=False, header=False).encode()
    parts = [packer.compress((",".join(COLUMNS) + "\n").encode())]
    parts += [packer.compress(block) for _ in range(megabytes * 1_000_000 // len(block))]
    return b"".join([*parts, packer.flush()])


def test_a_table_that_expands_without_end_is_refused_before_it_fills_the_memory(
    results: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.table_folder.SMALL", 1_000_000)
    folder = replaced(folder_of(tmp_path / "a", scored(BETA)), bomb(30))
    assert folder.table.stat().st_size < 200_000
    assert re.search(r"expands to more than \d?\d,\d{3},\d{3} bytes", refused(folder, results))
    replaced(folder, gzip.compress(b"0" * 50_000_000))
    assert "it has no column" in refused(folder, results)
    monkeypatch.setattr("bench.table_folder.SMALL", 50_000_000)
    monkeypatch.setattr("bench.table_folder.MOST_ROWS", 10_000)
    assert "more than 10,000 rows" in refused(replaced(folder, bomb(10)), results)
    monkeypatch.setattr("bench.table_folder.LARGEST_FILE", 100)
    assert "bytes, more than 100" in refused(folder, results)


def test_identities_that_expand_without_end_are_refused(results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    folder.identities.write_bytes(gzip.compress(b" " * 30_000_000))
    assert "identities.json.gz: it expands to more than 20,000,000 bytes" in refused(folder, results)


def test_what_could_not_be_read_again_is_not_written(
    results: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    size = results.reference().card.stat().st_size
    monkeypatch.setattr("bench.table_folder.LARGEST_CARD", size + 10)
    assert "bytes of its card, more than" in refused(folder_of(tmp_path / "b", scored(RUNS[1])), results)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(results: Store, tmp_path: Path) -> None:
    for name in ("card", "table", "identities"):
        folder = folder_of(tmp_path / name, scored(BETA))
        path = getattr(folder, name)
        path.unlink()
        os.mkfifo(path)
        assert f"{path}: it is not a file" in refused(folder, results)


VALUES = [
    "", " ", "0", "-1", "1e999",
    "nan", "inf", "null", "1.5", "9" * 25, "=1+1", "@x", "-x", "<b>", "a,b", "a\nb", "'", '"',
    "../x", "\u202e", "\x1b[2J", "training", "mean", "udr", "mig", "x" * 600, "0" * 12, BETA.id, MIG.key, "\udcff",
]  # fmt: skip


def test_whatever_stands_in_a_cell_is_read_again_or_refused_in_one_line(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", [*scored(RUNS[2]), *scored(PCA)]), results)
    original = content(folder := folder_of(tmp_path / "b", [*scored(RUNS[0]), *scored(RUNS[1]), *grouped(RUNS[:2])]))
    chance, merged, lines = random.Random(0), 0, list[str]()
    for _ in range(200):
        for name, text in original.items():
            (folder.path / name).write_bytes(text)
        places = [(chance.randrange(6), chance.choice(list(COLUMNS))) for _ in range(chance.randint(1, 2))]
        value = chance.choice(VALUES)
        changed(
            folder, lambda rows, places=places, value=value: [rows[r].update({c: value}) for r, c in places] and rows
        )  # type: ignore[misc]
        before = content(results.reference())
        try:
            merge(folder, results)
        except StoreError as fault:
            lines.append(str(fault))
        else:
            merged += 1
            read_reference(known(results))
            undo_merge(results)
        assert content(results.reference()) == before
    assert all(line.isprintable() for line in lines)
    assert min(len(lines), merged) > 10


# what an id proves ----------------------------------------------------------------------------------------------------


def test_ids_are_proved_by_what_they_are_the_hashes_of(results: Store, tmp_path: Path) -> None:
    identities = {BETA.id: BETA.config(), MIG.key: vars(MIG)}
    folder = folder_of(tmp_path / "a", [*scored(BETA), *scored(RUNS[1])], identities)
    assert merge(folder, results) == Merged(added=4, equal=0, superseded=0, unverified=1)
    assert merge(results.reference(), results).unverified == 1  # the reference table keeps them


def test_an_export_says_what_its_ids_are_the_hashes_of(tmp_path: Path) -> None:
    file = {"model": {"name": "mine", "version": 1, "hyper": {}}, "seed": 0, "codes": "0" * 64}
    file |= {"dataset": {"name": "dsprites", "version": 1}}
    given, own = digest(file), Store(tmp_path)
    shown = {"id": given, "strength": None, "value": None, "schedule_label": "codes from a file", "file": "x.npz"}
    write_json(own.run(given).config, file | shown)
    mine = {"run": given, "model": "mine", "strength": None, "value": None, "schedule": "codes from a file"}
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
    identities = {BETA.id: BETA.config(), MIG.key: vars(MIG)}
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
        rows = [row | {column: digest(said), "metric": UDR, "name": "udr_lasso"} for row in scored(BETA)]
        line = refused(folder_of(tmp_path / column, rows, {digest(said): said}), results)
        assert re.search("another (form|value|data set)|something else in what it is of", line)


@pytest.mark.parametrize("text", [b"[]", b"\xff", b'{"a": NaN}', b'{"a":' * 2_000, b""])
def test_identities_that_cannot_be_read_are_refused(text: bytes, results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    folder.identities.write_bytes(gzip.compress(text))
    assert f"cannot read {folder.identities}" in refused(folder, results)


# what is accepted -----------------------------------------------------------------------------------------------------


def test_a_column_that_is_missing_is_empty_and_one_that_is_unknown_is_left_out(
    results: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = changed(
        folder_of(tmp_path / "a", scored(BETA)),
        lambda rows: [{"energy": "3"} | {k: v for k, v in row.items() if k != "revision"} for row in rows],
    )
    assert merge(folder, results).added == 2
    assert "columns that this version does not know and leaves out: 'energy'" in capsys.readouterr().err
    table, card = read_reference(known(results))
    assert {c: str(t) for c, t in table.dtypes.items()} == COLUMNS
    assert table["revision"].isna().all()
    assert card["format"] == FORMAT


def test_tables_of_before_there_was_a_format_or_a_checksum_are_read(results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    folder.card.write_text("parts: []\n")
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
    assert set(read_reference(known(results))[0]["schedule"]) == {SCHEDULE.label}
    assert "has schedule" in refused_again(folder_of(tmp_path / "d", [r | shorter for r in scored(BETA)]), results)


def refused_again(folder: TableFolder, results: Store) -> str:
    with pytest.raises(StoreError) as found:
        merge(folder, results)
    return str(found.value)


# groups of runs -------------------------------------------------------------------------------------------------------


def test_the_score_of_a_larger_group_takes_the_place_of_a_smaller_ones(results: Store, tmp_path: Path) -> None:
    two = folder_of(tmp_path / "two", grouped(RUNS[:2], 0.5))
    three = folder_of(tmp_path / "three", grouped(RUNS, 0.6))
    assert merge(two, results) == Merged(added=2, equal=0, superseded=0, unverified=2)
    assert merge(three, results) == Merged(added=3, equal=0, superseded=2, unverified=3)
    table = read_reference(known(results))[0]
    assert table["score"].tolist() == [0.6, 0.61, 0.62]
    assert merge(two, results).added == 0
    assert read_reference(known(results))[0].equals(table)


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
    assert len(read_reference(known(results))[0]) == 3


# taking back ----------------------------------------------------------------------------------------------------------


def test_merges_are_taken_back_one_by_one_to_the_byte(results: Store, tmp_path: Path) -> None:
    states = [content(results.reference())]
    for run in RUNS:
        merge(folder_of(tmp_path / f"{run.seed}", scored(run)), results)
        states.append(content(results.reference()))
    for run, before in zip(RUNS[::-1], states[-2::-1], strict=True):
        assert f"{tmp_path / str(run.seed)} is taken back: 2 rows" in undo_merge(results)
        assert content(results.reference()) == before
    assert known(results) is None
    with pytest.raises(StoreError, match="there is nothing to take back"):
        undo_merge(results)


def test_the_last_ten_merges_can_be_taken_back(results: Store, tmp_path: Path) -> None:
    for seed in range(12):
        merge(folder_of(tmp_path / "a", scored(dataclasses.replace(BETA, seed=seed))), results)
    assert len(list(results.reference().before.glob("[0-9]*"))) == 10


def test_a_merge_that_adds_nothing_is_none_to_take_back(results: Store, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", scored(BETA))
    merge(folder, results)
    assert merge(folder, results).equal == 2
    undo_merge(results)
    assert known(results) is None


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
        there = known(results)
        found = len(read_reference(there)[0]) if there else 0
        assert found in rows
        finished.add(found)
        if found == rows[1]:
            undo_merge(results)
    assert len(read_reference(known(results))[0]) == rows[1]
    assert rows[0] in finished
    undo_merge(results)
    assert (known(results) is None) == first


def test_taking_back_that_ends_in_the_middle_is_finished_by_the_same_command(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = content(results.reference())
    for last in range(4):
        merge(folder_of(tmp_path / "b", scored(RUNS[1])), results)
        with pytest.MonkeyPatch.context() as patch:
            steps(patch, last, KilledError)
            with pytest.raises(KilledError):
                undo_merge(results)
        assert len(read_reference(known(results))[0]) in (2, 4)
        undo_merge(results)
        assert content(results.reference()) == before


def test_a_damaged_reference_table_says_the_way_back_and_it_is_one(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = content(results.reference())
    for name in ("scores.csv.gz", "card.yaml", "identities.json.gz"):
        merge(new := folder_of(tmp_path / "b", scored(RUNS[1])), results)
        (results.reference().path / name).write_bytes(b"damaged")
        with pytest.raises(StoreError, match=rf"cannot read .*{name}.*`python -m bench merge --undo results_dir="):
            merge(new, results) if "identities" in name else read_reference(known(results))
        undo_merge(results)
        assert content(results.reference()) == before
    shutil.rmtree(results.reference().path)
    assert known(results) is None


def test_a_damaged_note_of_a_merge_says_the_way_back(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    before = results.reference().before
    for text in ("", "[]", "{}"):
        next(before.glob("*/merge.json")).write_text(text)
        with pytest.raises(StoreError, match=f"merge.json.*; without {before} the table counts as it is"):
            known(results)
    shutil.rmtree(before)
    assert len(read_reference(known(results))[0]) == 2


def test_a_table_that_something_else_has_changed_is_not_overwritten(results: Store, tmp_path: Path) -> None:
    merge(folder_of(tmp_path / "a", scored(RUNS[0])), results)
    other = folder_of(results.reference().path, scored(RUNS[1]))
    with pytest.raises(StoreError, match=r"card.yaml is not what the last merge wrote; what was before it lies in"):
        undo_merge(results)
    assert len(read_reference(other)[0]) == 2


def test_of_two_merges_at_once_one_waits_to_be_asked_again(results: Store, tmp_path: Path) -> None:
    from bench.merge_history import merging

    folder = folder_of(tmp_path / "a", scored(BETA))
    with merging(results), pytest.raises(StoreError, match="another process merges into"):
        merge(folder, results)
    assert merge(folder, results).added == 2


def test_the_command_merges_and_takes_back(results: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"stage": "merge", "results_dir": str(results.path), "folder": None, "undo": False}
    folder = folder_of(tmp_path / "a", grouped(RUNS[:2]))
    assert commands.merge_table(given | {"folder": str(folder.path)}) == 0
    assert "nothing proves the ids of 2 runs" in capsys.readouterr().err
    assert commands.merge_table(given | {"undo": True}) == 0
    assert f"from {folder.path} is taken back: 2 rows; the reference table is empty" in capsys.readouterr().err
    for wrong in ({}, {"undo": True, "folder": "x"}):
        with pytest.raises(ConfigError, match="merge takes one thing"):
            commands.merge_table(given | wrong)


def test_the_words_of_the_command_line_ask_for_it() -> None:
    from bench.__main__ import _hydra_words

    assert _hydra_words(["merge", "--undo", "results_dir=x"]) == ["stage=merge", "undo=true", "results_dir=x"]


def test_the_shipped_table_is_what_a_merge_would_accept() -> None:
    from bench.table_rules import check_scores

    check_scores(read_reference(store.shipped_reference())[0])
