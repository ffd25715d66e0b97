"""A table from elsewhere is refused whole, in one line that names what is wrong, and nothing changes."""

import gzip
import os
import random
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from merging.tables import (
    BETA,
    MIG,
    OTHER_MIG,
    PCA,
    RUNS,
    Rows,
    changed,
    content,
    folder_of,
    grouped,
    refused,
    replaced,
    scored,
)

from bench.columns import COLUMNS
from bench.store.files import StoreError, write_json
from bench.store.folders import Store
from bench.table.folder import FORMAT
from bench.table.reference import merge, read_reference, reference_of, undo_merge

pytestmark = pytest.mark.long  # left out of `make check`


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
    "no model": (cell_of("model", ""), "it has no model"),
    "no data set": (cell_of("dataset", ""), "it has no dataset"),
    "no schedule": (cell_of("schedule", ""), "it has no schedule"),
    "no name": (cell_of("name", ""), "it has no name"),
    "no cell": (cell_of("cell", ""), "it has no cell"),
    "a third representation": (
        cell_of("representation", "median"),
        "representation 'median' is not mean, sampled or held_out",
    ),
    "no score": (cell_of("score", ""), "score of mig is nan"),
    "a score that is no number": (cell_of("score", "nan"), "score of mig is nan"),
    "an infinite score": (cell_of("score", "-inf"), "score of mig is -inf"),
    "a score of words": (cell_of("score", "high"), "scores.csv.gz.*'high'"),
    "a score that overflows when it is squared": (cell_of("score", "1e200"), r"score is 1e\+200"),
    "a score out of its range": (cell_of("score", "1.01"), "mig is 1.01, its range is 0 to 1"),
    "a score out of its range by more than rounding": (cell_of("score", "1.0000015"), "mig is 1.0000015, its range is"),
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
    "a run of two schedules": (
        cell_of("schedule", "quick: 9 steps, 32x32 px"),
        "has schedule quick: 2,000 steps, 32x32 px.* in one row and quick: 9 steps, 32x32 px in another",
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


@pytest.mark.parametrize("name", ["a run of two models", "a run of two seeds", "a cell of two versions"])
def test_a_table_that_contradicts_itself_is_not_read(name: str, tmp_path: Path) -> None:
    change, message = HOSTILE[name]
    with pytest.raises(StoreError, match=message):
        read_reference(changed(folder_of(tmp_path, [*scored(RUNS[0]), *scored(RUNS[1])]), change))


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
        "has mig of scale 0.25 in the reference table and 0.75 in the other; 2 scores of 1 run in all",
    ),
    "other sizes": (
        [row | {"num_train": 4_000} for row in scored(RUNS[0])],
        "of 5,000 rows in the reference table and of 4,000 rows in the other",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_table_knows_cannot_become_something_else(name: str, standing: Store, tmp_path: Path) -> None:
    rows, message = KNOWN[name]
    folder = folder_of(tmp_path / "b", rows)
    assert re.search(message, refused(folder, standing))


def test_a_run_of_the_store_cannot_become_another_one(results: Store, tmp_path: Path) -> None:
    write_json(results.run(BETA.id).config, BETA.record())
    write_json(results.run(PCA.id).config, PCA.record())  # which has no strength
    assert merge(folder_of(tmp_path / "a", [*scored(BETA), *scored(PCA)]), results).added == 4
    undo_merge(results)
    for change in (
        {"model": "factor_vae"},
        {"seed": 4},
        {"strength_index": 3},
        {"schedule": "quick: 9 steps, 32x32 px"},
    ):
        folder = folder_of(tmp_path / "b", [row | change for row in scored(BETA)])
        assert re.search(f"run {BETA.id} has another (model|seed|strength|sched)", refused(folder, results))
    assert reference_of(results) is None


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
    "another table": (
        f"format: {FORMAT}\nsha256: {'0' * 64}\nparts: []",
        "scores.csv.gz: it is not the table that card.yaml",
    ),
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
    monkeypatch.setattr("bench.table.folder.SMALL", 1_000_000)
    folder = replaced(folder_of(tmp_path / "a", scored(BETA)), bomb(30))
    assert folder.table.stat().st_size < 200_000
    assert re.search(r"expands to more than \d?\d,\d{3},\d{3} bytes", refused(folder, results))
    replaced(folder, gzip.compress(b"0" * 50_000_000))
    assert "it has no column" in refused(folder, results)
    monkeypatch.setattr("bench.table.folder.SMALL", 50_000_000)
    monkeypatch.setattr("bench.table.folder.MOST_ROWS", 10_000)
    assert "more than 10,000 rows" in refused(replaced(folder, bomb(10)), results)
    monkeypatch.setattr("bench.table.folder.LARGEST_FILE", 100)
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
    monkeypatch.setattr("bench.table.folder.LARGEST_CARD", size + 10)
    assert "bytes of its card, more than" in refused(folder_of(tmp_path / "b", scored(RUNS[1])), results)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(results: Store, tmp_path: Path) -> None:
    for name in ("card", "table", "identities"):
        folder = folder_of(tmp_path / name, scored(BETA))
        path = getattr(folder, name)
        path.unlink()
        os.mkfifo(path)
        assert f"{path}: it is no regular file" in refused(folder, results)


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
            read_reference(reference_of(results))
            undo_merge(results)
        assert content(results.reference()) == before
    assert all(line.isprintable() for line in lines)
    assert min(len(lines), merged) > 10
