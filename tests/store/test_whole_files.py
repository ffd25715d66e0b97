"""Files are there whole or not at all, by the umask; what killed writers left is removed, what others write is not."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.store import files
from bench.store.files import (
    LARGEST_RECORD,
    ORPHAN_S,
    StoreError,
    is_out_of_reach,
    printable,
    read_arrays,
    read_json,
    this_boot,
    write_json,
    writing,
)
from bench.store.folders import Store

OTHER_MACHINE = ".x.json.00000000-0123abcd"
OLDER = ".dsprites.npz.ab12_xyz"  # as earlier versions named them


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o002, 0o664, 0o775), (0o022, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_files_have_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int, file: int, folder: int) -> None:
    before = os.umask(umask)
    try:
        write_json(tmp_path / "runs" / "x.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "runs" / "x.json").stat().st_mode) == file
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == folder


WRITER = """
import sys, time
from pathlib import Path
from bench.store.files import writing
with writing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


@contextmanager
def writer(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is within a file."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    yield process
    process.kill()
    process.wait()


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*"))


def test_what_a_killed_writer_left_is_removed_by_the_next_and_what_a_live_one_writes_is_not(tmp_path: Path) -> None:
    with writer(tmp_path / "big.npz") as process:
        (unfinished,) = hidden(tmp_path)
        write_json(tmp_path / "other.json", {})
        assert hidden(tmp_path) == [unfinished]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert hidden(tmp_path) == [unfinished]
        write_json(tmp_path / "other.json", {})
        assert hidden(tmp_path) == []


def test_a_store_is_cleared_by_a_command_that_writes_and_by_no_other(tmp_path: Path) -> None:
    for folder in ("runs/0123456789ab", "studies/mine/figures", "compact", "jobs", "reference_before/000001"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f".x.json.{files._machine()}-0123abcd").touch()
    Store(tmp_path).listings()
    assert len(hidden(tmp_path)) == 5
    Store(tmp_path, writable=True).listings()
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("name", [OTHER_MACHINE, OLDER])
def test_a_file_of_another_machine_is_removed_when_it_was_untouched_for_a_day(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    write_json(tmp_path / "other.json", {})
    assert hidden(tmp_path) == [name]
    os.utime(tmp_path / name, (time.time() - ORPHAN_S - 60,) * 2)
    write_json(tmp_path / "other.json", {})
    assert hidden(tmp_path) == []


def test_files_of_others_are_never_removed(tmp_path: Path) -> None:
    names = [".DS_Store", ".config.settings", ".gitignore", ".nfs000000000001", ".x.json.swp", ".x.json.backup.old"]
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / OTHER_MACHINE).symlink_to(".gitignore")
    write_json(tmp_path / "other.json", {})
    assert hidden(tmp_path) == sorted([*names, OTHER_MACHINE])


def test_without_locks_files_are_written_and_orphans_are_told_by_age_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    orphan = tmp_path / f".x.json.{files._machine()}-0123abcd"
    orphan.touch()
    write_json(tmp_path / "other.json", {"a": 1})
    assert read_json(tmp_path / "other.json") == {"a": 1}
    assert hidden(tmp_path) == [orphan.name]
    os.utime(orphan, (time.time() - ORPHAN_S - 60,) * 2)
    write_json(tmp_path / "other.json", {})
    assert hidden(tmp_path) == []


def test_a_new_file_that_was_taken_for_an_orphan_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, taken = files.fcntl.flock, []

    def slow(handle: int, kind: int) -> None:
        if not taken:
            taken.extend(tmp_path.glob(".*"))
            taken[0].unlink()
        flock(handle, kind)

    monkeypatch.setattr(files.fcntl, "flock", slow)
    write_json(tmp_path / "x.json", {"a": 1})
    assert len(taken) == 1
    assert read_json(tmp_path / "x.json") == {"a": 1}
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("content", [b"[" * 10**6, b"[NaN]", b"\xff", b"", b'"\xed\xa0\x80"'])
@pytest.mark.parametrize("read", [read_json, read_arrays])
def test_what_is_no_such_file_is_one_error_that_names_it(tmp_path: Path, read, content: bytes) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(StoreError, match=f"cannot read {tmp_path / 'x'}"):
        read(tmp_path / "x")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("x", path)])
@pytest.mark.parametrize("read", [read_json, read_arrays])
def test_what_is_no_regular_file_is_an_error_and_blocks_nobody(tmp_path: Path, read, make) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "x")
    with pytest.raises(StoreError, match=f"cannot read {tmp_path / 'x'}"):
        read(tmp_path / "x")


def test_a_record_larger_than_any_is_not_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    os.truncate(tmp_path / "x", 2**40)
    with pytest.raises(StoreError, match=f"bytes, more than {LARGEST_RECORD:,}"):
        read_json(tmp_path / "x")


def test_text_that_is_no_text_is_written_as_what_can_be_read(tmp_path: Path) -> None:
    write_json(tmp_path / "x", {"error": "file caf\udce9, größer"})
    assert read_json(tmp_path / "x") == {"error": "file caf?, größer"}


def test_a_loop_of_links_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StoreError, match="cannot write"):
        Store(tmp_path / "loop", writable=True)
    with pytest.raises(StoreError, match="cannot read"):
        Store(tmp_path / "loop").listings()


def test_errors_of_access_are_told_from_errors_of_a_file() -> None:
    assert is_out_of_reach(PermissionError(errno.EACCES, "Permission denied"))
    assert is_out_of_reach(OSError(errno.EIO, "the disk does not answer"))
    for fault in (FileNotFoundError(errno.ENOENT, "gone"), OSError(errno.ELOOP, "loop"), ValueError("garbage")):
        assert not is_out_of_reach(fault)


def test_what_is_printed_of_a_file_is_one_short_line_without_escapes() -> None:
    assert printable("a\x1b[31m\nb\udce9é") == r"a\x1b[31m\nb\udce9é"
    assert len(printable("x" * 10**6)) < 600


def test_a_failed_write_is_removed_and_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot write .*x\.bin: No space"), writing(tmp_path / "x.bin"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert os.listdir(tmp_path) == []
    assert this_boot()
