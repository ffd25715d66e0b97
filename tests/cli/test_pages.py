"""What the command line says of itself, at once and without importing what it is about."""

import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.__main__ import perform
from bench.cli import keys
from bench.cli.pages import help_page, version
from bench.cli.stages import FLAGS, STAGES
from bench.registry import UnknownNameError


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"], ["run", "--version"]])
def test_the_version_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(words) == 0
    assert capsys.readouterr().out == f"{version()}\n"
    assert version().startswith(f"disentanglement-bench {bench.__version__}")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_page_of_its_own(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for words in ([stage, "--help"], [stage, "-h"], ["help", stage], ["--help", stage], [stage, "study=nope", "-h"]):
        assert perform(words) == 0
        pages.append(capsys.readouterr().out)
    assert set(pages) == {help_page(stage) + "\n"}
    assert STAGES[stage].does in pages[0]
    assert f"{stage} {STAGES[stage].example}" in pages[0]


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_the_first_page_lists_the_stages(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(words) == 0
    shown = capsys.readouterr().out
    assert all(f"  {stage} " in shown for stage in STAGES)


def test_help_for_a_stage_that_is_not_there_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'report'"):
        perform(["help", "reprot"])


def test_every_key_of_a_stage_is_explained_by_the_comment_in_its_file() -> None:
    named = {key for stage in STAGES.values() for key in stage.keys if key in keys.shipped() and "." not in key}
    assert named <= keys.comments().keys()
    assert keys.comments()["device"] == "auto | cpu | cuda"


def test_every_key_of_the_configuration_has_a_comment() -> None:
    first_level = {key for key in keys.shipped() if "." not in key}
    assert first_level - {"study"} <= keys.comments().keys()


@pytest.mark.parametrize(
    ("called", "shown"),
    [("/x/bench/__main__.py", "python -m bench"), ("/x/bin/disentanglement-bench", "disentanglement-bench")],
)
def test_pages_show_the_way_the_command_was_called(called: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert f"usage: {shown} STAGE" in help_page()
    assert f"  {shown} run study=quick" in help_page("run")
    assert f"usage: {shown} merge [FOLDER] [key=value ...]" in help_page("merge")


def test_flags_that_are_shown_are_known() -> None:
    assert all(flag in help_page("run") for flag in FLAGS if flag not in ("-h", "-V", "--multirun"))


def test_the_settings_are_shown_with_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(["run", "study=mine", "model=pca", "results_dir=a: [b]", "--cfg", "job"]) == 0
    shown = capsys.readouterr().out
    assert "results_dir: 'a: [b]'" in shown
    assert "  name: mine" in shown
    assert "overrides" not in shown


@pytest.mark.parametrize("words", [["--version"], ["help", "run"], ["completion", "words", "run", "model="]])
def test_nothing_heavy_is_imported_to_say_so(words: list[str]) -> None:
    heavy = ("hydra", "omegaconf", "torch", "pandas", "sklearn", "matplotlib", "scipy", "numba")
    code = f"from bench.__main__ import perform; perform({words}); import sys; print(set({heavy}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_console_command_is_the_same_program() -> None:
    text = (Path(bench.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'disentanglement-bench = "bench.__main__:main"' in text
