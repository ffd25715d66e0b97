"""Every example in a docstring gives what it shows; every registered metric has one."""

import doctest
import importlib
from pathlib import Path

import pytest

from bench import registry

PACKAGE = Path(__file__).parents[1] / "bench"
MODULES = [
    ".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts)
    for f in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in f.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_a_metric_has_an_example(name: str) -> None:
    assert f"bench.metrics.{name}" in MODULES
