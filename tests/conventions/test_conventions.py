"""A convention gives the number that its repository's code gave on the same arrays, one choice at a time from ours."""

import csv
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import minmax_scale
from sklearn.tree import DecisionTreeClassifier

from bench import registry
from bench.conventions import CONVENTIONS, Convention, dci, explicitness, factor_vae_score, find, mig, path_to, sap
from bench.conventions.convention import OURS
from bench.conventions.unit_bins import in_unit_bins, unit_bins
from bench.metrics.base import SkippedError
from benchmarks.conventions import ARRAYS, GOLDEN, published, rows

SECONDS = {  # on noisy alone, unless they are run by hand
    ("modularity", "latent_quantization"), ("dci", "ubisoft"), ("explicitness", "ubisoft.classes"),
    ("explicitness", "disentanglement_lib"), ("explicitness", "disentanglement_lib.train"),
}  # fmt: skip
BY_HAND = {
    ("dci", "disentanglement_lib"), ("dci", "dci_es"), ("explicitness", "ubisoft.each_class"),
    ("explicitness", "latent_quantization"),
}  # fmt: skip
FORESTS = ("disent.xgboost", "dci_es", "jboilard")  # they have tests of their own
WITHOUT_FORESTS = [c for c in CONVENTIONS if c.metric != "dci" or c.name not in FORESTS]
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=400) for n in (3, 12)], axis=1)
CODES = np.column_stack([FACTORS @ [[1.0, 0.2], [-0.3, 1.0]], FACTORS.sum(axis=1)]) + RNG.normal(0, 0.3, (400, 3))


def named(metric: str, convention: str) -> Convention:
    (found,) = find(convention, [metric])
    return found


arrays = cache(rows)


@cache
def computed(metric: str, convention: str, name: str) -> dict[str, float]:
    return named(metric, convention).scores(*arrays(name))


@pytest.fixture
def two_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lasso picks its penalty from fewer."""
    monkeypatch.setattr(dci, "PENALTIES", (1e-3, 0.1))


def claims() -> list[Any]:
    """A claim of a golden value on each array; those that take long, on more than one array, are run by hand."""
    found = []
    for line in csv.DictReader((GOLDEN / "conventions.csv").open()):
        for name in ARRAYS:
            key = (line["metric"], line["convention"])
            slow = key in BY_HAND or (key in SECONDS and name != "noisy")
            marks = [pytest.mark.slow] if slow else [pytest.mark.long] if key in SECONDS else []
            if (value := published(line["entry"], line["key"], name)) is not None:
                label = "-".join((*key, line["score"], name))
                found.append(pytest.param(*key, line["score"], name, value, line["within"], marks=marks, id=label))
    return found


@pytest.mark.parametrize(("metric", "convention", "score", "name", "value", "within"), claims())
def test_the_number_is_that_of_the_repositorys_own_code(
    metric: str, convention: str, score: str, name: str, value: float, within: str
) -> None:
    assert computed(metric, convention, name)[score] == pytest.approx(value, abs=float(within))


def test_every_way_to_a_convention_begins_with_this_suites_own() -> None:
    names = [(c.metric, c.name) for c in CONVENTIONS]
    assert len(set(names)) == len(names)
    for convention in CONVENTIONS:
        path = path_to(convention)
        assert (path[0].name, path[0].beside) == (OURS, "")
        assert all((c.metric, c.beside) == (convention.metric, b.name) for b, c in pairwise(path))
        assert convention.metric in registry.names("metrics")
        assert convention.choice
        assert convention.by is not None or convention.name.startswith(OURS)


def test_an_unknown_convention_is_answered_with_those_of_the_metric() -> None:
    with pytest.raises(
        registry.UnknownNameError, match=r"unknown convention of mig 'ubi'.*'ubisoft'.*Known: bench, dcf,"
    ):
        find("ubi", ["mig"])
    with pytest.raises(registry.UnknownNameError, match="unknown convention of mig 'med'"):
        find("med", ["dci", "mig"])
    with pytest.raises(registry.UnknownNameError, match="unknown convention 'ubi'"):
        find("ubi")
    assert [c.metric for c in find("disent")] == ["mig", "sap", "dci", "factor_vae_score"]


@pytest.mark.parametrize("convention", WITHOUT_FORESTS, ids=lambda c: f"{c.metric}-{c.name}")
@pytest.mark.usefixtures("two_penalties")
def test_every_convention_gives_its_scores_under_this_suites_names(convention: Convention) -> None:
    declared = registry.load("metrics", convention.metric).metric
    scores = convention.scores(CODES[:250], FACTORS[:250], CODES[250:], FACTORS[250:])
    assert scores
    assert all(declared.score(name) and np.isfinite(value) for name, value in scores.items())


def test_bins_of_the_unit_interval_stay_as_they_are_when_a_metric_bins_them_again() -> None:
    bins = unit_bins(CODES, 7)
    assert (bins.min(axis=0) == 0).all()
    assert (bins.max(axis=0) == 6).all()
    assert mig.mig(bins, FACTORS, num_bins=7) == mig.mig(unit_bins(bins, 7), FACTORS, num_bins=7)
    assert not unit_bins(np.full((3, 1), 0.1), 7).any()


def test_factors_that_are_binned_as_codes_are_have_the_entropy_of_their_bins() -> None:
    codes, factors = (np.digitize(minmax_scale(a.astype(float)), np.linspace(0, 1, 6)[:-1]) for a in (CODES, FACTORS))
    information = [sorted(mutual_info_score(u, v) for u in codes.T) for v in factors.T]
    expected = [(i[-1] - i[-2]) / mutual_info_score(v, v) for i, v in zip(information, factors.T, strict=True)]
    binned = in_unit_bins(mig.mig, CODES, FACTORS, num_bins=5, bin_factors=True)
    assert binned["mig"] == pytest.approx(np.mean(expected))


def test_a_tree_cut_at_a_depth_is_the_tree_grown_to_it() -> None:
    codes, factors = CODES[:200, :2], FACTORS[:200, 1:]
    y = unit_bins(factors, 10)
    matrix = np.empty((2, 1))
    for d, k in np.ndindex(2, 1):
        x = minmax_scale(codes[:, [d]])
        trees = [DecisionTreeClassifier(max_depth=depth) for depth in range(1, 10)]
        folds = [cross_val_score(tree, x, y[:, k], cv=10).mean() for tree in trees]
        matrix[d, k] = trees[int(np.argmax(folds))].fit(x, y[:, k]).score(x, y[:, k])
    ordered = np.sort(matrix, axis=0)
    assert sap.decision_trees(codes, factors, num_bins=10)["sap"] == pytest.approx((ordered[1] - ordered[0]).mean())


def test_dimensions_that_hardly_vary_vote_where_none_is_pruned() -> None:
    codes = FACTORS * np.array([1.0, 0.001])
    assert factor_vae_score.unpruned(codes, FACTORS)["factor_vae_test"] == 1
    assert factor_vae_score.of_test(codes, FACTORS)["factor_vae_test"] < 0.6
    still = np.column_stack([FACTORS, np.full(400, 0.1)])
    assert factor_vae_score.unpruned(still, FACTORS)["factor_vae_test"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.usefixtures("two_penalties")
def test_the_lasso_forgets_dimensions_behind_one_without_weight() -> None:
    factors = RNG.integers(5, size=(400, 3))
    alone, first, second = (factors @ weights for weights in ([1.0, 0, 0], [0, 1.0, 1.0], [0, 1.0, -1.0]))
    without = np.zeros(400)
    behind = dci.lasso(np.column_stack([alone, without, first, second]), factors)
    before = dci.lasso(np.column_stack([alone, first, second, without]), factors)
    assert behind["dci_completeness"] == pytest.approx(before["dci_completeness"])
    assert behind["dci_disentanglement"] > before["dci_disentanglement"] + 0.1


def test_a_forest_has_the_depth_that_predicts_best() -> None:
    y = np.stack([np.arange(600) % 2, RNG.permutation(600) % 6], axis=1)
    x = y + RNG.normal(0, 0.01, (600, 2))
    split = x[:400], y[:400], x[400:], y[400:]
    deep, shallow = (
        dci.forest(*split, num_trees=5, depths=depths, common_depth=common)
        for depths, common in (((1, 6), True), ((1,), False))
    )
    assert deep["dci_disentanglement"] != shallow["dci_disentanglement"]
    assert deep == dci.forest(*split, num_trees=5, depths=(6,), common_depth=False)


def test_xgboost_has_gains_of_its_own() -> None:
    found = dci.xgboost(FACTORS[:, :2].astype(float), FACTORS)
    assert found["dci_disentanglement"] > 0.99


@pytest.mark.parametrize(
    ("metric", "convention"),
    [("mig", "ubisoft"), ("mig", "ubisoft.classes"), ("modularity", "dcf"), ("modularity", "ubisoft"),
     ("mcc", "icebeem"), ("mcc", "icebeem.out_of_sample")],
)  # fmt: skip
def test_where_the_code_would_give_nan_there_is_a_reason(metric: str, convention: str) -> None:
    constant = np.column_stack([CODES, np.full(400, 0.1)])
    with pytest.raises(SkippedError, match="its code gives NaN where a dimension is constant, here 3"):
        named(metric, convention).scores(constant, FACTORS, constant, FACTORS)


def test_a_score_of_one_dimension_or_factor_that_the_code_divides_by_0_is_left_out() -> None:
    one, single = CODES[:, :1], FACTORS[:, :1]
    for convention in ("disentanglement_lib", "disent.xgboost"):
        found = named("dci", convention)
        assert list(found.scores(one, FACTORS, one, FACTORS)) == ["dci_disentanglement"]
        assert list(found.scores(CODES, single, CODES, single)) == ["dci_completeness"]
        with pytest.raises(SkippedError, match="one dimension and one factor"):
            found.scores(one, single, one, single)
    for codes, factors in ((one, FACTORS), (CODES, single)):
        with pytest.raises(SkippedError, match="divides by 0 if there is one dimension or one factor"):
            named("dci", "ubisoft").scores(codes, factors)


def test_a_constant_dimension_counts_in_the_base_of_med_and_makes_no_number_alone() -> None:
    constant = np.column_stack([CODES, np.full(400, 0.1)])
    without, found = (named("dci", "med").scores(codes, FACTORS) for codes in (CODES, constant))
    assert found["dci_disentanglement"] == pytest.approx(without["dci_disentanglement"])
    assert 1 - found["dci_completeness"] == pytest.approx((1 - without["dci_completeness"]) * np.log(3) / np.log(4))
    with pytest.raises(SkippedError, match="no dimension tells of a factor"):
        named("dci", "med").scores(constant[:, 3:], FACTORS)


def test_info_m_of_an_active_dimension_that_tells_of_nothing_is_nan_in_its_code() -> None:
    grid = np.stack(np.unravel_index(np.arange(400), (2, 2, 100)), axis=1)  # the last tells nothing of the others
    with pytest.raises(SkippedError, match="where an active dimension tells of none"):
        named("modularity", "latent_quantization").scores(grid[:, [0, 2]], grid[:, :2])


def test_ubisofts_sap_takes_codes_of_any_size_and_its_irs_factors_of_any_names() -> None:
    found = [named("sap", "ubisoft").scores(scale * CODES, FACTORS)["sap"] for scale in (1.0, 1e-9)]
    assert found[1] == pytest.approx(found[0])
    assert found[0] > 0
    renamed = named("irs", "ubisoft.classes").scores(CODES, 10**12 * FACTORS)
    assert renamed == named("irs", "ubisoft.classes").scores(CODES, FACTORS)


@pytest.mark.parametrize(
    ("metric", "convention"),
    [("explicitness", "ubisoft"), ("sap", "jboilard"), ("dci", "disent.xgboost"), ("mig", "disentanglement_lib"),
     ("jemmig", "ubisoft"), ("factor_vae_score", "disent")],
)  # fmt: skip
def test_a_factor_with_a_single_value_that_the_code_fails_on_is_named(metric: str, convention: str) -> None:
    single = np.column_stack([FACTORS, np.zeros(400, int)])
    with pytest.raises(SkippedError, match="its code fails where a factor has a single value, here 2"):
        named(metric, convention).scores(CODES, single, CODES, single)


@pytest.mark.parametrize("convention", ["disentanglement_lib", "ubisoft"])
def test_a_factor_with_a_single_value_is_one_of_those_that_a_dimension_tells_nothing_of(convention: str) -> None:
    found = [named("modularity", convention).scores(CODES, factors)["modularity"]
             for factors in (FACTORS, np.column_stack([FACTORS, np.zeros(400, int)]))]  # fmt: skip
    assert 1 - found[1] == pytest.approx((1 - found[0]) / 2)  # F - 1 of the definition: 1, then 2
    with pytest.raises(SkippedError, match="divides by 0 if there is one factor"):
        named("modularity", convention).scores(CODES, FACTORS[:, :1])


def test_chance_is_0_beside_factors_with_a_single_value_too() -> None:
    noise = np.random.default_rng(1).normal(size=(2000, 4))
    factors = np.random.default_rng(2).integers(0, 4, (2000, 2))
    with_single = np.column_stack([factors, np.zeros((2000, 2), int)])
    plain, found = (factor_vae_score.rescaled(noise, f)["factor_vae_test"] for f in (factors, with_single))
    assert found == pytest.approx(plain, abs=0.05)
    assert abs(found) < 0.1


def test_codes_and_factors_that_the_code_does_not_take_are_refused_with_the_reason() -> None:
    for metric, convention in (
        ("mig", "jboilard.nats"),
        ("mig", "disent"),
        ("sap", "ubisoft.trees"),
        ("jemmig", "ubisoft"),
    ):
        with pytest.raises(SkippedError, match="takes no code of one dimension"):
            named(metric, convention).scores(CODES[:, :1], FACTORS)
    with pytest.raises(SkippedError, match=r"no dimension has a deviation of 0\.02"):
        factor_vae_score.small_batches(0.001 * CODES, FACTORS)
    with pytest.raises(SkippedError, match="all rows have different values"):
        factor_vae_score.small_batches(CODES, np.column_stack([np.arange(400), FACTORS]))
    with pytest.raises(SkippedError, match="if there is one factor"):
        factor_vae_score.small_batches(CODES, FACTORS[:, :1])


def test_an_area_of_a_share_tells_more_of_ordered_classes_than_that_of_a_single_probability() -> None:
    ordered = FACTORS.astype(float)
    of_share = explicitness.balanced(ordered, FACTORS)["explicitness_train"]
    assert of_share > explicitness.balanced(ordered, FACTORS, each_class=True)["explicitness_train"] + 0.1
