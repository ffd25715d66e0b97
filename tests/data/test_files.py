"""Files are taken whole or not at all, checked once, and checked again when anything about them changed."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bench import data
from bench.data import files
from bench.data.base import Card, File
from bench.data.files import NoSourceError, Source, accepted, converted, obtain, place, require, state_of
from bench.store import files as whole_files

BYTES = b"pixels" * 1000
FILE = File("small/file.bin", sha256=hashlib.sha256(BYTES).hexdigest())
GOOD = Source("giving", lambda wanted: {f.name: [BYTES[:100], BYTES[100:]] for f in wanted})
BAD = Source("giving another file", lambda wanted: {f.name: [b"other"] for f in wanted})


@pytest.fixture
def card() -> Card:
    return replace(data.card("mnist"), name="small", files=(FILE,))


def test_a_file_is_not_fetched_then_ready_then_damaged(card: Card, tmp_path: Path) -> None:
    assert state_of(FILE, tmp_path) == "not fetched"
    obtain(card, tmp_path, [GOOD])
    assert state_of(FILE, tmp_path) == "ready"
    (tmp_path / FILE.name).write_bytes(BYTES[:-1])
    assert state_of(FILE, tmp_path) == "damaged"


def test_a_source_with_another_file_leaves_nothing_behind(card: Card, tmp_path: Path) -> None:
    with pytest.raises(NoSourceError, match="giving another file: wrong checksum"):
        obtain(card, tmp_path, [BAD])
    assert not list((tmp_path / "small").iterdir())


def test_the_next_source_is_asked_when_one_fails(card: Card, tmp_path: Path) -> None:
    obtain(card, tmp_path, [BAD, GOOD])
    assert (tmp_path / FILE.name).read_bytes() == BYTES


def test_a_file_that_is_ready_is_not_asked_for_again(card: Card, tmp_path: Path) -> None:
    obtain(card, tmp_path, [GOOD])
    obtain(card, tmp_path, [])


def test_a_ready_file_is_not_read_through_again(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obtain(card, tmp_path, [GOOD])
    monkeypatch.setattr(files, "sha256_of", lambda *_: pytest.fail("it was read through"))
    assert state_of(FILE, tmp_path) == "ready"


def test_a_file_that_the_user_put_there_is_ready_if_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / FILE.name).write_bytes(BYTES)
    assert state_of(FILE, tmp_path) == "ready"


def test_a_flipped_bit_that_keeps_size_and_time_is_found_by_reading_every_byte(card: Card, tmp_path: Path) -> None:
    obtain(card, tmp_path, [GOOD])
    path = tmp_path / FILE.name
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"P" + BYTES[1:])
    os.utime(path, ns=times)
    assert state_of(FILE, tmp_path) == "ready"
    assert state_of(FILE, tmp_path, every_byte=True) == "damaged"
    obtain(card, tmp_path, [GOOD])
    assert path.read_bytes() == BYTES


def test_a_changed_checksum_in_the_card_is_noticed(card: Card, tmp_path: Path) -> None:
    obtain(card, tmp_path, [GOOD])
    assert state_of(replace(FILE, sha256="0" * 64), tmp_path) == "damaged"


def test_md5_serves_where_the_makers_gave_nothing_better(tmp_path: Path) -> None:
    file = File("file.bin", md5=hashlib.md5(BYTES).hexdigest())
    (tmp_path / "file.bin").write_bytes(BYTES)
    assert state_of(file, tmp_path) == "ready"


def test_many_who_fetch_at_once_do_not_harm_each_other(card: Card, tmp_path: Path) -> None:
    def slowly() -> Iterator[bytes]:
        for start in range(0, len(BYTES), 10):
            yield BYTES[start : start + 10]

    source = Source("giving slowly", lambda wanted: {f.name: slowly() for f in wanted})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: obtain(card, tmp_path, [source]), range(8)))
    assert state_of(FILE, tmp_path, every_byte=True) == "ready"
    assert {p.name for p in (tmp_path / "small").iterdir()} == {"file.bin", "file.bin.verified.json"}


def test_verify_names_the_damaged_file_and_the_mend(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(data, "card", lambda name: card)
    with pytest.raises(data.DataError, match=r"file\.bin is not fetched: `python -m bench data dataset=small`"):
        data.verify("small")
    obtain(card, tmp_path, [GOOD])
    data.verify("small")
    (tmp_path / FILE.name).write_bytes(b"")
    assert data.state("small") == "damaged"
    with pytest.raises(data.DataError, match=r"file\.bin is damaged"):
        data.verify("small")


def test_a_file_of_the_users_choice_is_known_by_the_checksum_it_had_first(tmp_path: Path) -> None:
    own = File("file.bin", own=True)
    (tmp_path / "file.bin").write_bytes(BYTES)
    assert state_of(own, tmp_path) == "ready"
    (tmp_path / "file.bin").write_bytes(b"another")
    assert [state_of(own, tmp_path), state_of(own, tmp_path, every_byte=True)] == ["damaged"] * 2
    (tmp_path / "file.bin").write_bytes(BYTES)
    assert state_of(own, tmp_path) == "ready"
    (tmp_path / "file.bin.verified.json").unlink()
    (tmp_path / "file.bin").write_bytes(b"another")
    assert state_of(own, tmp_path) == "ready"


def test_another_file_is_named_by_its_checksum_and_taken_once_that_is_accepted(card: Card, tmp_path: Path) -> None:
    other = b"the makers' new file"
    sha256 = hashlib.sha256(other).hexdigest()
    (tmp_path / "small").mkdir()
    (tmp_path / FILE.name).write_bytes(other)
    with pytest.raises(NoSourceError, match=rf"there has the sha256 {sha256}: .* dataset=small accept={sha256}`"):
        require("small", card.files, tmp_path)
    with pytest.raises(data.DataError, match=rf"no file of small has the sha256 {'0' * 64}:\n .*: sha256 {sha256}"):
        accepted(card, tmp_path, "0" * 64)
    assert accepted(card, tmp_path, sha256.upper()) == tmp_path / FILE.name
    assert state_of(FILE, tmp_path) == state_of(FILE, tmp_path, every_byte=True) == "ready"
    require("small", card.files, tmp_path)
    (tmp_path / FILE.name).write_bytes(b"a third")
    assert state_of(FILE, tmp_path) == "damaged"
    obtain(card, tmp_path, [GOOD])
    assert state_of(FILE, tmp_path) == "ready"


def test_what_is_converted_from_an_accepted_file_is_not_taken_for_that_of_the_cards(card: Card, tmp_path: Path) -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        made.append("made")
        yield b"pixels"

    obtain(card, tmp_path, [GOOD])
    converted(card, tmp_path, pieces)
    (tmp_path / FILE.name).write_bytes(b"other")
    accepted(card, tmp_path, hashlib.sha256(b"other").hexdigest())
    for _ in range(2):
        converted(card, tmp_path, pieces)
    assert len(made) == 2


def test_accepting_needs_a_file(card: Card, tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match="none of its files is there"):
        accepted(card, tmp_path, "0" * 64)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_lies_unpacked_is_known_by_the_checksum_it_had_first(kind: str, tmp_path: Path) -> None:
    file = replace(FILE, unpacked=("nowhere", "there"))
    there = tmp_path / "there"
    part = there if kind == "file" else there / "part.mat"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(BYTES)
    assert place(file, tmp_path) == there
    assert state_of(file, tmp_path) == state_of(file, tmp_path, every_byte=True) == "ready"
    part.write_bytes(b"another")
    assert state_of(file, tmp_path) == "damaged"
    with pytest.raises(
        NoSourceError, match=r"there is not the one first used: put that back, or delete there\.verified"
    ):
        require("small", [file], tmp_path)
    (tmp_path / "small").mkdir()
    (tmp_path / FILE.name).write_bytes(BYTES)
    assert place(file, tmp_path) == tmp_path / FILE.name
    assert state_of(file, tmp_path) == "ready"


def test_nothing_is_put_in_the_place_of_a_users_own_file(card: Card, tmp_path: Path) -> None:
    with pytest.raises(NoSourceError, match=r"file\.bin is a file of your choice"):
        obtain(replace(card, files=(File("small/file.bin", own=True),)), tmp_path, [GOOD])


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"short"), lambda path: os.utime(path, ns=(5, 5))])
def test_a_converted_file_is_made_again_when_it_changed(
    spoil: Callable[[Path], object], card: Card, tmp_path: Path
) -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        made.append("made")
        yield from (b"pix", b"els")

    path = converted(card, tmp_path, pieces)
    assert converted(card, tmp_path, pieces).read_bytes() == b"pixels"
    assert len(made) == 1
    spoil(path)
    assert converted(card, tmp_path, pieces).read_bytes() == b"pixels"
    converted(replace(card, version=2), tmp_path, pieces)
    converted(replace(card, version=2, files=(replace(FILE, sha256="0" * 64),)), tmp_path, pieces)
    assert len(made) == 4


def test_a_conversion_that_fails_leaves_nothing_behind(card: Card, tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"pix"
        raise data.DataError("the rest is missing")

    with pytest.raises(data.DataError, match="the rest is missing"):
        converted(card, tmp_path, pieces)
    assert not list((tmp_path / card.name).iterdir())


def test_what_a_killed_process_left_of_a_file_is_removed_also_where_all_are_ready(card: Card, tmp_path: Path) -> None:
    obtain(card, tmp_path, [GOOD])
    left = tmp_path / "small" / f".file.bin.{whole_files._machine()}-0123abcd"
    left.write_bytes(BYTES[:100])
    obtain(card, tmp_path, [])
    assert not left.exists()
    assert state_of(FILE, tmp_path) == "ready"
