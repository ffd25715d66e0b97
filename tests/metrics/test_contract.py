"""Every registered metric keeps the contract; one that does not is told which property it breaks."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.analysis.board.ranking import STANDING
from bench.analysis.names import OF_TRAINING, TC_SAMPLED
from bench.columns import COLUMNS, OUTCOME
from bench.metrics.base import TAKEN, Score, metric
from bench.testing import check_metric, checks_of, examine, verdict

pytestmark = pytest.mark.long  # left out of `make check`

Function = Callable[..., dict[str, float]]


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in registry.names("metrics") for check in checks_of(name)],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_contract(name: str, check: Callable[[str], None]) -> None:
    found = verdict(check, name)
    assert found.state != "failed", found.reason


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[Function], str]:
    """Makes a function a registered metric for the time of a test."""
    load = registry.load

    def add(function: Function) -> str:
        name = function.__name__
        monkeypatch.setattr(registry, "load", lambda kind, asked: function if asked == name else load(kind, asked))
        return name

    return add


def correlation(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(D, F) absolute correlations, 0 for constant columns."""
    codes, factors = codes - codes.mean(axis=0), factors - factors.mean(axis=0)
    sizes = np.outer(np.linalg.norm(codes, axis=0), np.linalg.norm(factors, axis=0))
    return np.abs(codes.T @ factors) / np.where(sizes > 0, sizes, np.inf)


def best(codes: np.ndarray, factors: np.ndarray) -> float:
    return float(min(1.0, correlation(codes, factors).max(axis=0).mean()))


LIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "a perfect code scores higher than noise": lambda z, v: 0.5,
    "a dead dimension raises no score": lambda z, v: min(
        1.0, best(z, v) * (0.5 + 0.2 * (np.ptp(z, axis=0) == 0).any())
    ),
    "the order of dimensions does not matter": lambda z, v: best(z[:, :1], v[:, :1]),
    "the order of rows does not matter": lambda z, v: best(z[:300], v[:300]),
    "rescaling and shifting dimensions does not matter": lambda z, v: float(best(z, v) / (1 + np.abs(z).max() / 1e9)),
    "strictly monotone maps of dimensions do not matter": best,
    "float32 and float64 agree": lambda z, v: best(z, v) * (0.9 if z.dtype == np.float32 else 1),
    "integers and floats agree": lambda z, v: best(z, v) * (0.9 if z.dtype.kind == "i" else 1),
    "any number of dimensions gives valid scores: .*1000 dims is nan": (
        lambda z, v: best(z, v) if z.shape[1] < 999 else float("nan")
    ),
    "dead and duplicated .*a code of dead dims is 9.*, outside its declared range 0..1": (
        lambda z, v: best(z, v) if np.ptp(z) > 0 else 9 * float(z.any())
    ),
    "few rows classes .*183 classes is inf": lambda z, v: best(z, v) if v.max() < 100 else float("inf"),
    "bad input is named: NaN codes were accepted": lambda z, v: float(np.nan_to_num(best(z, v))),
}


@pytest.mark.parametrize("property_", LIES, ids=lambda p: p.split(":")[0].replace(" ", "_"))
def test_a_metric_that_breaks_a_property_is_told_which(property_: str, register: Callable[[Function], str]) -> None:
    @metric(
        version=1, reads="points", scores={"liar": Score(0, 1)}, headline="liar", paper="",
        invariant_to=("scale", "monotone") if "dimensions do" in property_ else (),
    )  # fmt: skip
    def liar(codes, factors):  # type: ignore[no-untyped-def]
        return {"liar": LIES[property_](np.asarray(codes), factors)}

    with pytest.raises(AssertionError, match=f"liar: {property_}"):
        check_metric(register(liar))


def test_a_metric_that_does_not_fall_under_rotation_is_told_so(register: Callable[[Function], str]) -> None:
    @metric(
        version=1, reads="points", scores={"kind": Score(0, 1)}, headline="kind", paper="", falls_under_rotation=True
    )
    def kind(codes, factors):  # type: ignore[no-untyped-def]
        """The share of each factor that is linear in the code."""
        x = np.column_stack([codes, np.ones(len(codes))])
        left = factors - x @ np.linalg.lstsq(x, factors, rcond=None)[0]
        return {"kind": float(1 - (left.var(axis=0) / factors.var(axis=0)).mean())}

    with pytest.raises(AssertionError, match=r"kind: rotating pairs .* the headline score: kind: 1 of"):
        check_metric(register(kind))


@pytest.mark.parametrize("extra", [{"liar/99": 0.5}, {"other": 0.5}, {"liar/0": "0.5"}])
def test_what_the_scoring_stage_would_refuse_is_no_metric(
    extra: dict[str, Any], register: Callable[[Function], str]
) -> None:
    @metric(version=1, reads="points", scores={"liar": Score(0, 1)}, paper="")
    def liar(codes, factors):  # type: ignore[no-untyped-def]
        return {"liar": best(np.asarray(codes), factors)} | extra

    (found,) = [v for v in examine(register(liar)) if v.property == "what it returns is taken by the scoring stage"]
    assert found.state == "failed"
    assert found.reason.startswith("liar returned ")
    assert next(iter(extra)) in found.reason


def test_a_warning_and_an_error_are_failures_with_their_text(register: Callable[[Function], str]) -> None:
    @metric(version=1, reads="points", scores={"loud": Score(0, 1)}, paper="", min_factors=0)
    def loud(codes):  # type: ignore[no-untyped-def]
        if codes.shape[1] > 10:
            raise KeyError("eleven")
        warnings.warn("mind this", RuntimeWarning, stacklevel=1)
        return {"loud": 0.0}

    reasons = {v.property: v.reason for v in examine(register(loud)) if v.state == "failed"}
    assert reasons["the order of rows does not matter"] == "warned: mind this"
    assert reasons["any number of dimensions gives valid scores"] == "warned: mind this"


def test_what_is_not_declared_is_not_looked_at() -> None:
    reasons = {v.property: v.reason for v in examine("mig") if v.state == "not declared"}
    assert reasons == {
        "strictly monotone maps of dimensions do not matter": "invariant_to does not hold 'monotone'",
        "classes missing from training or test rows give valid scores or a reason": "no rows are held out",
    }


DECLARATION: dict[str, Any] = {"version": 1, "reads": "points", "scores": {"own": Score(0, 1)}, "paper": "mine"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"invariant_to": "scale"}, "invariant_to must be a tuple of scale, sign, monotone, got 'scale'"),
        ({"falls_under_rotation": True}, "falls_under_rotation is said of the headline score"),
        ({"reads": "images"}, "reads must be one of points, split, all, group, model, got 'images'"),
        ({"scores": {}}, "scores must be a dict of at least one"),
        ({"scores": ["own"]}, "scores must be a dict of at least one"),
        ({"scores": {"own/3": Score(0, 1)}}, "a score is named in letters, digits and _ . -, got 'own/3'"),
        (
            {"scores": {"coverage": Score(0, 1)}},
            "a score cannot be named 'coverage': tables have a column of that name",
        ),
        ({"scores": {"mig_low": Score(0, 1)}}, "a score cannot be named 'mig_low'"),
        ({"scores": {"training_elbo": Score(0, 1)}}, "a score cannot be named 'training_elbo'"),
        ({"reads": "group", "min_factors": 1}, "a metric of groups is given no factors, min_factors must be 0, got 1"),
        ({"reads": "group", "min_runs": 1}, "min_runs must be an integer of at least 2, got 1"),
        ({"scores": {"own": (0, 1)}}, r"must be Score\(low, high\) with low < high"),
        ({"scores": {"own": Score(1, 0)}}, r"must be Score\(low, high\) with low < high"),
        ({"scores": {"own": Score(float("nan"), 1)}}, r"must be Score\(low, high\) with low < high"),
        ({"headline": "other"}, "headline must be one of own, or None, got 'other'"),
        ({"version": "1"}, "version must be an integer of at least 1, got '1'"),
        ({"num_points": 0}, "num_points must be an integer of at least 1, got 0"),
        ({"paper": None}, "paper must be text, got None"),
        ({"scores": {"own": Score(0, 1, ranks=("study",))}}, "ranks are of a headline score"),
        ({"headline": "own", "scores": {"own": Score(0, 1, None, ranks=("study",))}}, "ranks are of a headline score"),
        ({"scores": {"own": Score(0, 1, ranks=("informaton",))}}, "unknown rank set .* Did you mean 'information'"),
        ({"scores": {"own": Score(0, 1, ranks="study")}}, "must be a tuple"),
    ],
)
def test_what_cannot_be_declared_is_refused_where_it_is_declared(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(**DECLARATION | changed)


def test_names_that_tables_have_are_taken() -> None:
    assert {*COLUMNS, *OUTCOME, *STANDING, *OF_TRAINING, TC_SAMPLED} <= TAKEN
    with pytest.raises(ValueError, match="a metric cannot be named 'training'"):

        @metric(**DECLARATION)
        def training(codes, factors):  # type: ignore[no-untyped-def]
            return {}
