"""Every registered metric keeps the contract."""

import warnings
from collections.abc import Callable

import pytest

from bench import registry
from bench.testing import CHECKS, check_metric


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", registry.names("metrics"))
def test_contract(name: str, check: Callable[[str], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(name)


def test_a_metric_that_breaks_the_contract_is_told_which_property(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.metrics.base import Score, metric

    @metric(version=1, reads="points", scores={"liar": Score(0, 1)}, paper="")
    def liar(codes, factors):  # type: ignore[no-untyped-def]
        return {"liar": 0.5}

    load = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: liar if name == "liar" else load(kind, name))
    with pytest.raises(AssertionError, match="liar: a perfect code scores higher than noise"):
        check_metric("liar")
