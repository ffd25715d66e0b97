"""The contract that every registered metric must pass, for the suite's tests and for authors of new metrics.

`check_metric("my_metric")` raises an AssertionError that names the first property that fails.
`examine("my_metric")` returns a verdict on every property.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bench import registry
from bench.testing import groups, invariance, learners, quality, validity
from bench.testing.samples import NotDeclaredError, declared

__all__ = ["CHECKS", "Verdict", "check_metric", "checks_of", "examine", "verdict"]

Check = Callable[[str], None]
CHECKS: tuple[Check, ...] = (*quality.CHECKS, *invariance.CHECKS, *validity.CHECKS)  # of codes of one run
OTHERS: Mapping[str, tuple[Check, ...]] = {"group": groups.CHECKS, "model": learners.CHECKS}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one property; `reason` says why it failed, or why it was not checked."""

    property: str
    state: Literal["passed", "failed", "not declared"]
    reason: str = ""
    fault: BaseException | None = None


def check_metric(name: str) -> None:
    """Check every property of the contract on one registered metric.

    Raises:
        AssertionError: a property does not hold; the message names it.
        UnknownNameError: no such metric.
    """
    for check in checks_of(name):
        result = verdict(check, name)
        if result.state == "failed":
            raise AssertionError(f"{name}: {result.property}: {result.reason}") from result.fault


def examine(name: str) -> list[Verdict]:
    """A verdict on every property of the contract.

    Raises:
        UnknownNameError: no such metric.
    """
    return [verdict(check, name) for check in checks_of(name)]


def checks_of(name: str) -> tuple[Check, ...]:
    """The properties that a metric is checked for; they depend on its `reads`.

    Raises:
        UnknownNameError: no such metric.
    """
    return OTHERS.get(declared(name).reads, CHECKS)


def verdict(check: Check, name: str) -> Verdict:
    """Whether one property holds; a warning or an error of the metric counts as a failure.

    Raises:
        UnknownNameError: no such metric.
    """
    registry.load("metrics", name)
    words = check.__name__.replace("_", " ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check(name)
    except NotDeclaredError as reason:
        return Verdict(words, "not declared", str(reason))
    except AssertionError as fault:
        return Verdict(words, "failed", str(fault), fault)
    except Warning as fault:
        return Verdict(words, "failed", f"warned: {fault}", fault)
    except (Exception, SystemExit) as fault:
        return Verdict(words, "failed", f"{type(fault).__name__}: {fault}", fault)
    return Verdict(words, "passed")
