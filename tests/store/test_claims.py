"""A run is one process's at a time, whatever the clocks say, and free again when that process is gone."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.store import claims
from bench.store.claims import EXPIRES_S, claiming, is_claimed
from bench.store.files import StoreError
from bench.store.folders import RunFolder, Store


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return Store(tmp_path).run("r")


@pytest.fixture
def other_machine(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Claims are made from different machines from here on: nothing is known of a holder but its heartbeat."""
    names = iter(map(str, range(10**6)))
    monkeypatch.setattr(claims, "this_boot", lambda: next(names))


def age(folder: RunFolder, seconds: float) -> None:
    """Let the last heartbeat of every claim be so long ago by the file system's clock."""
    probe = folder.path / "probe"
    probe.write_text("")
    now = probe.stat().st_mtime
    probe.unlink()
    for path in folder.path.glob("claim-*"):
        os.utime(path, (now - seconds, now - seconds), follow_symlinks=False)


def left(folder: RunFolder) -> list[str]:
    return sorted(os.listdir(folder.path))


def test_a_claimed_run_is_nobody_elses_until_it_is_released(folder: RunFolder) -> None:
    with claiming([folder]) as (mine,):
        assert mine is not None
        assert mine.holds()
        assert is_claimed(folder)
        with claiming([folder]) as (other,):
            assert other is None
        assert mine.holds()
    assert left(folder) == []
    with claiming([folder]) as (again,):
        assert again is not None


def test_a_block_that_raises_releases(folder: RunFolder) -> None:
    with pytest.raises(RuntimeError, match="halfway"), claiming([folder]):
        raise RuntimeError("halfway")
    assert left(folder) == []


def test_a_fleet_gets_those_that_are_free(tmp_path: Path) -> None:
    folders = [Store(tmp_path).run(name) for name in "abc"]
    with claiming(folders[1:2]), claiming(folders) as found:
        assert [claim is not None for claim in found] == [True, False, True]


def test_of_many_at_once_one_gets_it(folder: RunFolder) -> None:
    entered, over = threading.Barrier(8), threading.Event()

    def work(_: int) -> bool:
        entered.wait()
        with claiming([folder]) as (claim,):
            if claim is not None:
                over.wait(5)  # until the others were refused
            else:
                refused.append(1)
                if len(refused) == 7:
                    over.set()
            return claim is not None

    refused: list[int] = []
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(work, range(8))) == 1


def test_of_many_that_find_a_claim_expired_one_gets_it(folder: RunFolder, other_machine: None) -> None:
    with claiming([folder]) as (sleeper,):
        age(folder, EXPIRES_S + 1)
        refused: list[int] = []
        entered, over = threading.Barrier(8), threading.Event()

        def work(_: int) -> bool:
            entered.wait()
            with claiming([folder]) as (claim,):
                if claim is not None:
                    over.wait(5)
                else:
                    refused.append(1)
                    if len(refused) == 7:
                        over.set()
                return claim is not None

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(work, range(8))) == 1
        assert sleeper is not None
        assert not sleeper.holds()  # and would not write its result


def test_a_heartbeat_keeps_a_claim(folder: RunFolder, other_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    beaten = threading.Event()
    touch = os.utime
    monkeypatch.setattr(claims, "HEARTBEAT_S", 0.01)
    with claiming([folder]):
        age(folder, EXPIRES_S + 1)
        monkeypatch.setattr(claims.os, "utime", lambda path: (touch(path), beaten.set()))
        assert beaten.wait(5)
        with claiming([folder]) as (other,):
            assert other is None


@pytest.mark.parametrize("skew", [-1e6, 1e6])
def test_clocks_of_machines_do_not_matter(
    folder: RunFolder, other_machine: None, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    now = claims.time.time()
    with claiming([folder]):
        monkeypatch.setattr(claims.time, "time", lambda: now + skew)
        age(folder, EXPIRES_S - 60)
        with claiming([folder]) as (early,):
            assert early is None
        age(folder, EXPIRES_S + 60)
        with claiming([folder]) as (late,):
            assert late is not None


def test_a_sleeper_that_wakes_releases_nobody_elses_claim(folder: RunFolder, other_machine: None) -> None:
    sleeping = claiming([folder])
    sleeping.__enter__()
    age(folder, EXPIRES_S + 1)
    with claiming([folder]) as (thief,):
        sleeping.__exit__(None, None, None)
        assert thief is not None
        assert thief.holds()
        with claiming([folder]) as (other,):
            assert other is None
    assert left(folder) == []


def test_a_claim_that_was_judged_expired_long_ago_gives_nothing(
    folder: RunFolder, other_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One judges a claim expired and sleeps; the run is taken, released and claimed anew; then it acts."""
    with claiming([folder]):
        age(folder, EXPIRES_S + 1)
        stale = claims._chain(folder)
        with claiming([folder]):
            pass  # the thief releases everything
        with claiming([folder]) as (holder,):
            draft = folder.path / ".claim-late"
            draft.write_text('{"token": "late", "machine": ""}')
            os.link(draft, folder.claim(stale[-1].token))
            assert holder is not None
            assert holder.holds()
            assert claims._chain(folder)[-1].token == holder.token
        folder.claim(stale[-1].token).unlink()
        seen, chain = iter([stale]), claims._chain
        monkeypatch.setattr(claims, "_chain", lambda of: next(seen, None) or chain(of))
        with claiming([folder]) as (late,):
            assert late is None


def test_a_file_system_without_locks_tells_of_a_death_when_the_claim_expires(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*given: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(claims.fcntl, "flock", flock)
    with claiming([folder]):
        assert is_claimed(folder)
        with claiming([folder]) as (early,):
            assert early is None
        age(folder, EXPIRES_S + 1)
        with claiming([folder]) as (late,):
            assert late is not None


@pytest.mark.parametrize("made", [True, False])
def test_a_name_that_a_network_file_system_says_is_there_is_had_if_the_link_was_made(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    link = os.link

    def linked(draft: Path, path: Path) -> None:
        if made:
            link(draft, path)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(claims.os, "link", linked)
    with claiming([folder]) as (claim,):
        assert (claim is not None) == made
    assert left(folder) == []


def test_a_file_system_without_hard_links_is_named(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*given: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(claims.os, "link", link)
    with pytest.raises(StoreError, match=f"cannot claim {folder.path}: hard links are needed"), claiming([folder]):
        pass
    assert left(folder) == []


def test_a_claim_that_is_gone_stops_no_heartbeat_of_the_others(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.claim("0").touch()
    age(folder, EXPIRES_S + 1)
    before = folder.claim("0").stat().st_mtime
    beats = iter([False, True])
    claims._beat([folder.claim("gone"), folder.claim("0")], lambda seconds: next(beats))
    assert folder.claim("0").stat().st_mtime > before + EXPIRES_S


CHILD = """
import sys, time
from bench.store.claims import claiming
from bench.store.folders import Store
with claiming([Store(sys.argv[1]).run("r")]):
    print("claimed", flush=True)
    time.sleep(60)
"""


def test_the_claim_of_a_killed_process_of_this_machine_is_free_at_once(folder: RunFolder, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, tmp_path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"claimed\n"
    with claiming([folder]) as (early,):
        assert early is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not is_claimed(folder)
    with claiming([folder]) as (claim,):
        assert claim is not None
    assert left(folder) == []


TOKEN = "0" * 32
DAMAGED = {
    "zeros": b"\0\0",
    "the first token again": b'{"token": "0", "machine": ""}',
    "no machine": b'{"token": "%s"}' % TOKEN.encode(),
    "a token that is a path": b'{"token": "../../x", "machine": ""}',
    "a token that is a list": b'{"token": [], "machine": ""}',
    "nested deeply": b"[" * 100_000,
    "not utf-8": b"\xff",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_claim_counts_until_it_expires(folder: RunFolder, content: bytes) -> None:
    folder.path.mkdir(parents=True)
    folder.claim("0").write_bytes(content)
    with claiming([folder]) as (early,):
        assert early is None
    age(folder, EXPIRES_S + 1)
    with claiming([folder]) as (claim,):
        assert claim is not None
    assert left(folder) == []


def test_claims_that_succeed_each_other_in_a_circle_end_in_one_that_expires(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    other = "1" * 32
    for predecessor, token in (("0", TOKEN), (TOKEN, other), (other, TOKEN)):
        folder.claim(predecessor).write_text(json.dumps({"token": token, "machine": "another"}))
        assert is_claimed(folder)  # what locks its process has there is not seen from here
    age(folder, EXPIRES_S + 1)
    with claiming([folder]) as (claim,):
        assert claim is not None
    assert left(folder) == []


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda p: os.symlink("nothing", p), lambda p: os.symlink(p, p)])
def test_what_is_no_file_in_the_place_of_a_claim_expires(folder: RunFolder, make: Callable[[Path], None]) -> None:
    folder.path.mkdir(parents=True)
    make(folder.claim("0"))
    with claiming([folder]) as (early,):
        assert early is None
    age(folder, EXPIRES_S + 1)
    for _ in range(2):
        with claiming([folder]) as (claim,):
            assert claim is not None


def test_a_claim_that_was_touched_in_the_future_lasts_from_when_it_is_met(
    folder: RunFolder, other_machine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with claiming([folder]):
        age(folder, -(10**8))  # as the clock of its machine was wrong
        with claiming([folder]) as (early,):
            assert early is None
        assert f"{folder.claim('0')} was touched in the future" in capsys.readouterr().err
        assert abs(folder.claim("0").stat().st_mtime - claims.time.time()) < EXPIRES_S / 2
        age(folder, EXPIRES_S + 1)
        with claiming([folder]) as (late,):
            assert late is not None


def test_a_claim_that_may_not_be_read_is_left_alone_and_named(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.path.mkdir(parents=True)
    folder.claim("0").touch()
    age(folder, 10 * EXPIRES_S)

    def closed(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(claims, "read_whole", closed)
    with claiming([folder]) as (claim,):
        assert claim is None
    assert left(folder) == ["claim-0"]
    assert f"cannot read {folder.claim('0')}: Permission denied" in capsys.readouterr().err


def test_a_run_in_a_folder_of_somebody_else_is_left_to_its_owner_and_others_are_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, mine = (Store(tmp_path).run(name) for name in ("theirs", "mine"))
    make = claims.temporary

    def temporary(path: Path) -> tuple[int, Path]:
        if path.parent == theirs.path:
            raise PermissionError(13, "Permission denied")
        return make(path)

    monkeypatch.setattr(claims, "temporary", temporary)
    with claiming([theirs, mine]) as claimed:
        assert [claim is not None for claim in claimed] == [False, True]
    assert f"cannot write {theirs.path}: Permission denied" in capsys.readouterr().err
    with pytest.raises(StoreError, match="Permission denied"), claiming([theirs], required=True):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*runs/r"), claiming([Store(tmp_path).run("r")]):
        pass


def _work(path: Path, names: list[str], line) -> None:  # type: ignore[no-untyped-def]
    done = []
    for name in names:
        folder = Store(path).run(name)
        with claiming([folder]) as (claim,):
            if claim is not None and folder.state() == "missing":
                folder.done.write_text("{}")
                done.append(name)
    line.send(done)


def test_processes_that_are_given_the_same_runs_do_each_once(tmp_path: Path) -> None:
    names = [f"r{i}" for i in range(60)]
    context = multiprocessing.get_context("fork")
    lines = [context.Pipe() for _ in range(4)]
    workers = [context.Process(target=_work, args=(tmp_path, names, far)) for _, far in lines]
    for worker in workers:
        worker.start()
    done = [near.recv() for near, _ in lines]
    for worker in workers:
        worker.join()
    assert sorted(name for names in done for name in names) == sorted(names)
