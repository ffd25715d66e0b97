"""Streams that cannot be written end nothing; ctrl-C and SIGTERM end a command with one line, and leave nothing."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from bench.pool import Pool, report
from bench.store.files import writing
from bench.terminal import ENDING, Interrupted, deaf_children, interruptible, streams

pytestmark = pytest.mark.long  # left out of `make check`


@contextmanager
def standard_output(monkeypatch: pytest.MonkeyPatch, stream: TextIO | None) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield


def test_a_reader_that_left_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with standard_output(monkeypatch, os.fdopen(writer, "w")), streams():
        print("to nobody", flush=True)
        print("and on")


def test_a_full_disk_is_named_at_the_end_and_ends_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    @streams()
    def command(code: int) -> None:
        print("a table", flush=True)
        done.append("work")
        sys.exit(code)

    with Path("/dev/full").open("w") as full, standard_output(monkeypatch, full):
        with pytest.raises(SystemExit, match="standard output cannot be written: No space left"):
            command(0)
        with pytest.raises(SystemExit, match="130"):  # what the command has to say itself comes first
            command(130)
    assert done == ["work", "work"]


def test_what_an_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as file, standard_output(monkeypatch, file), streams():
        print("/home/jürgen/\udcff")
    assert (tmp_path / "out").read_text() == "/home/j\\xfcrgen/\\udcff\n"


def test_a_stream_without_a_descriptor_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = io.StringIO()
    with standard_output(monkeypatch, notebook), streams():
        assert sys.stdout is notebook


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("list datasets >&- 2>&-", 0, ""),
        ("help | true", 0, ""),
        ("list metrics 2>&- | head -1", 0, "| metric"),
        ("list datasets >&-", 0, ""),
        ("list datasets >/dev/full", 1, "standard output cannot be written"),
        ("status study=none 2>&- >&-", 1, ""),
    ],
)
def test_commands_whose_output_goes_nowhere_are_quiet(command: str, code: int, told: str) -> None:
    line = f"{sys.executable} -m bench {command}"
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.count("\n") + ended.stdout.count("\n")) == (code, bool(told))
    assert told in ended.stdout + ended.stderr


@pytest.fixture
def heeding() -> Iterator[None]:
    """As in the foreground of a terminal: a shell's background jobs are started deaf to ctrl-C."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heeding")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_one_line(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    before, cleaned = signal.getsignal(number), []

    @interruptible()
    def command() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            cleaned.append(signal.getsignal(number))

    with pytest.raises(SystemExit, match=str(128 + number)):
        command()
    assert capsys.readouterr().err == "interrupted: what is finished is kept, the same command continues\n"
    assert cleaned == [signal.SIG_DFL]  # the second one ends the process at once
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("heeding")
def test_what_a_library_makes_of_a_signal_is_still_the_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    @interruptible()
    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Interrupted as interruption:
            raise ImportError("initialisation failed") from interruption

    with pytest.raises(SystemExit, match="130"):
        command()
    assert "Traceback" not in capsys.readouterr().err


def test_errors_of_a_command_are_its_own() -> None:
    with pytest.raises(ValueError, match="mine"), interruptible():
        raise ValueError("mine")


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_children_do_not_get_ctrl_c_even_while_they_start() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    with deaf_children():
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.communicate() == ("goes on\n", None)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def half_write(path: str) -> None:
    with writing(Path(path)) as file:
        file.write(b"half")
        file.flush()
        report(1, "writing")
        signal.pause()


def test_workers_that_are_ended_remove_what_they_were_writing(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        assert [p.name for p in tmp_path.iterdir()] != []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Pool(1) as pool:
        dict(pool.run(half_write, [(str(tmp_path / "weights"),)], interrupt))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("heeding")
def test_a_command_that_draws_data_is_interrupted_without_a_trace(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bench", "data", "dataset=dsprites", f"results_dir={tmp_path / 'results'}"]
    environment = os.environ | {"BENCH_DATA": str(tmp_path / "data")}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    assert process.stderr is not None
    assert "dsprites" in process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    lines = process.communicate()[1].splitlines()
    assert process.returncode == 130
    assert lines[-1] == "interrupted: what is finished is kept, the same command continues"
    assert "Traceback (most recent call last):" not in lines
    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file()]
