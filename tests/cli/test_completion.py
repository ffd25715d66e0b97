"""Words are completed: by what they may become, in the shells that are on this machine."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bench.cli.completion import FILES, SCRIPTS, candidates, questions, script
from bench.cli.stages import STAGES
from bench.registry import UnknownNameError
from bench.values import ConfigError


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("repo", ["report"]),
        ("he", ["help"]),
        ("run mo", ["model="]),
        ("run model=be", ["model=beta_tcvae", "model=beta_vae"]),
        ("run model=[pca,beta_v", ["model=[pca,beta_vae"]),
        ("run model=[beta_vae,beta_", ["model=[beta_vae,beta_tcvae"]),
        ("run metric=modu", ["metric=modularity"]),
        ("check metric=[sap,modu", ["metric=[sap,modularity"]),
        ("data dataset=noisy", ["dataset=noisy_dsprites"]),
        ("run study=qu", ["study=questions", "study=quick"]),
        ("run trainer=", ["trainer=published", "trainer=quick"]),
        ("run trainer.st", ["trainer.stack=", "trainer.steps="]),
        ("run trainer.precision=b", ["trainer.precision=bfloat16"]),
        ("run launcher.gp", ["launcher.gpus="]),
        ("run device=c", ["device=cpu", "device=cuda"]),
        ("report open=t", ["open=true"]),
        ("run study=quick --d", ["--dry-run"]),
        ("run --cfg ", ["job"]),
        ("run study=quick results_dir=~/a", [FILES]),
        ("score codes=", [FILES]),
        ("merge ", [FILES]),
        ("list m", ["models", "metrics"]),
        ("question noi", ["noisy_or"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("help r", ["run", "report"]),
        ("run nothing=", []),
    ],
)
def test_what_a_word_may_become(line: str, found: list[str]) -> None:
    assert candidates(line.split(" ")).split("\n") == (found or [""])


def test_the_keys_of_a_stage_come_first() -> None:
    assert "dataset=" in candidates(["data", ""]).split("\n")
    assert "trainer=" not in candidates(["data", ""]).split("\n")
    assert candidates(["data", "tra"]) == "trainer="  # but another is completed where none of its own begins so


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_completes_its_keys(stage: str) -> None:
    found = candidates([stage, ""]).split("\n")
    assert found == [FILES] or all(word.endswith("=") or stage in ("list", "question", "data") for word in found)


def test_questions_are_those_that_can_be_asked() -> None:
    from bench.report.questions import QUESTIONS

    assert questions() == sorted(QUESTIONS)


def test_there_is_a_script_for_each_shell() -> None:
    assert all("disentanglement-bench" in script([shell]) for shell in SCRIPTS)
    with pytest.raises(UnknownNameError, match="Did you mean 'bash'"):
        script(["bsh"])
    with pytest.raises(ConfigError, match="the name of a shell: bash, zsh, fish"):
        script([])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the command, its scripts and two files to complete."""
    command = tmp_path / "bin" / "disentanglement-bench"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    command.chmod(0o755)
    for shell in SCRIPTS:
        (tmp_path / f"complete.{shell}").write_text(script([shell]) + "\n")
    (tmp_path / "codes-one.npz").touch()
    return tmp_path


def run_shell(home: Path, *words: str) -> list[str]:
    """The lines that a shell prints of a script."""
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    root = str(Path(__file__).parents[2])
    surroundings = os.environ | {"PATH": f"{home}/bin:{os.environ['PATH']}", "PYTHONPATH": root, "HOME": str(home)}
    done = subprocess.run(words, cwd=home, env=surroundings, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def in_bash(home: Path, *lines: str) -> list[str]:
    """What readline is given at the end of each line: words behind the last = or :, where bash cuts them."""
    ask = textwrap.dedent("""
        compopt() { echo "option $*"; }
        source complete.bash
        for line in "$@"; do
            COMP_LINE="$line" COMP_POINT=${#line}
            _disentanglement_bench
            echo "${COMPREPLY[*]}"
        done
    """)
    return run_shell(home, "bash", "--norc", "-c", ask, "bash", *(f"disentanglement-bench {line}" for line in lines))


def test_bash_completes_stages_keys_and_options(home: Path) -> None:
    lists = "run model=[pca,beta_v", "run 'model=[pca,beta_v"
    found = in_bash(home, "rep", "run mod", "run study=qui", *lists, "score codes=")
    assert found == [
        "report",
        "option -o nospace", "model=",
        "quick",
        "option -o nospace", "[pca,beta_vae",
        "option -o nospace", "model=[pca,beta_vae",
        "option -o default", "",
    ]  # fmt: skip


def test_fish_completes_stages_keys_options_and_files(home: Path) -> None:
    ask = "source complete.fish; for line in $argv; complete -C $line; end"
    lines = [f"disentanglement-bench {line}" for line in ("rep", "run mod", "run study=qui", "score codes=codes-")]
    found = run_shell(home, "fish", "--no-config", "-c", ask, *lines)
    assert [line.split("\t")[0] for line in found] == ["report", "model=", "study=quick", "codes=codes-one.npz"]


def test_zsh_completes_stages_keys_options_and_files(home: Path) -> None:
    ask = textwrap.dedent("""
        autoload -Uz compinit && compinit -u
        source complete.zsh
        compadd() { local -a all; all=("$@"); print -r -- "${all[1,all[(i)--]-1]}: ${all[all[(i)--]+1,-1]}" }
        compset() { }
        _files() { print files }
        for line in "$@"; do
            words=("${(@s: :)line}"); CURRENT=$#words PREFIX=$words[-1]
            _disentanglement_bench
        done
    """)
    lines = [f"disentanglement-bench {line}" for line in ("rep", "run mod", "run study=qui", "score codes=co")]
    found = run_shell(home, "zsh", "-f", "-c", ask, "zsh", *lines)
    assert [line.strip(": ") for line in found] == ["report", "-S : model=", "study=quick", "files"]
