"""The command as it is called: one line for what is wrong, and the exit code."""

import signal
import subprocess
import sys

import pytest

from bench import __main__
from bench.__main__ import compose_all, main
from bench.cli import commands, keys
from bench.cli.words import read


def bench(*words: str | bytes) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *words], capture_output=True, text=True, check=False)


def test_the_command_line_lists_names() -> None:
    done = bench("list", "models")
    assert (done.returncode, done.stdout.split()) == (0, keys.options("model"))


def told(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and what is said on standard error."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return int(str(end.value.code)), capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("rum", "UnknownNameError: unknown stage 'rum'. Did you mean 'run'"),
        ("run traner.steps=3", "UnknownNameError: unknown key 'traner.steps'. Did you mean 'trainer.steps'"),
        ("run dataset=mnits", "UnknownNameError: unknown data set 'mnits'. Did you mean 'mnist'"),
        ("list metricks", "UnknownNameError: unknown kind 'metricks'. Did you mean 'metrics'"),
        ("run study.name=a/b", "ConfigError: study.name='a/b': a name is 1 to 64 letters"),
        ("run seed=[0", "ConfigError: seed=[0: this value cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_one(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(*words.split(), capsys=capsys)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(line)


@pytest.mark.parametrize("study", keys.options("study"))
def test_any_one_model_of_a_shipped_study_may_be_chosen(study: str) -> None:
    (whole,) = compose_all(read(["train", f"study={study}"]))
    model = next(iter(whole["model"]))
    (part,) = compose_all(read(["train", f"study={study}", f"model={model}"]))
    assert part["model"] == {model: whole["model"][model]}


def test_bytes_that_are_no_text_are_named() -> None:
    done = bench("run", b"codes=\xff.npz")
    assert (done.returncode, done.stderr) == (1, "ConfigError: 'codes=\\udcff.npz' is not text in UTF-8\n")


def test_ctrl_c_is_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "perform", lambda *_: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are deaf to it
    try:
        code, said = told("list", capsys=capsys)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, said) == (130, "interrupted: what is finished is kept, the same command continues\n")


def test_a_folder_that_may_not_be_looked_into_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(*_: object) -> int:
        raise PermissionError(13, "Permission denied", "/closed/studies")

    monkeypatch.setattr(commands, "perform", closed)
    assert told("status", "study=quick", capsys=capsys) == (
        1,
        "PermissionError: [Errno 13] Permission denied: '/closed/studies'\n",
    )


def test_of_several_commands_none_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {0: 1, 1: 0}
    done: list[int] = []

    def perform(settings: dict[str, int], _: object) -> int:
        done.append(settings["seed"])
        return codes[settings["seed"]]

    monkeypatch.setattr(commands, "perform", perform)
    assert __main__.perform(["run", "-m", "seed=0,1"]) == 1
    assert __main__.perform(["run", "-m", "seed=1,1"]) == 0
    assert done == [0, 1, 1, 1]
