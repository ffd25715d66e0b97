"""A command that could not do everything names what it could not do and ends with 1."""

from pathlib import Path

import pytest

from bench.cli.closing import close
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol

PLAN = Plan("none", "No runs", (), (), Protocol("quick", None, None, None, None, ("mean",), (), {}))


def test_a_picture_that_failed_is_named_and_the_command_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert close("analyze", PLAN, Store(tmp_path), [], {}) == 0
    assert close("analyze", PLAN, Store(tmp_path), [], {}, undrawn={"fig1_tc": "ZeroDivisionError: [no] points"}) == 1
    told = capsys.readouterr().out
    assert "fig1_tc" in told
    assert "ZeroDivisionError: [no] points" in told


def test_of_many_failures_of_a_kind_the_first_are_listed_and_the_others_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert close("score", PLAN, Store(tmp_path), [f"fault {n}" for n in range(23)], {}, undrawn={"fig1": "torn"}) == 1
    told = capsys.readouterr().out
    assert "24 failed" in told
    assert "fault 19" in told
    assert "fault 20" not in told
    assert "3 more" in told
    assert "torn" in told
