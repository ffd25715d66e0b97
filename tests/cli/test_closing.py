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
