"""Numbers behind the questions: label efficiency, prior against posterior, what lies between two images."""

import numpy as np
import pytest

from bench.analysis.names import TC
from bench.analysis.representations.interpolation import between, midpoint_distances, nearest_distances
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.efficiency import label_efficiency
from bench.analysis.scores.posterior import posterior_gap
from bench.testing.synthetic import SCORES, synthetic_table


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_accuracy_is_a_mean_over_runs_with_an_interval_around_it(rng: np.random.Generator) -> None:
    table = synthetic_table(rng, models=("beta_vae", "dip_vae_i"), strengths=2, seeds=5)
    found = label_efficiency(table)
    assert set(found["labels"]) == {10, 100, 1000, 10_000}
    assert ((found["low"] <= found["mean"]) & (found["mean"] <= found["high"])).all()
    own = table[(table["model"] == "beta_vae") & (table["name"] == "lr_100")]["score"]
    row = found[found["model"].eq("beta_vae") & found["predictor"].eq("lr") & found["labels"].eq(100)].iloc[0]
    assert row["mean"] == pytest.approx(own.mean())
    assert (row["runs"], row["seeds"]) == (10, 5)


def test_one_seed_has_no_interval(rng: np.random.Generator) -> None:
    found = label_efficiency(synthetic_table(rng, models=("pca",), strengths=1, seeds=1))
    assert found[["low", "high"]].isna().all(axis=None)
    assert found["mean"].notna().all()


def test_a_single_number_of_labels_is_no_curve(rng: np.random.Generator) -> None:
    table = synthetic_table(rng, models=("pca",), scores={"lr_100": SCORES["lr_100"]})
    with pytest.raises(TooFewRunsError, match="two numbers of labels"):
        label_efficiency(table)


def test_one_predictor_of_two_numbers_of_labels_is_a_curve_whatever_another_has(rng: np.random.Generator) -> None:
    table = synthetic_table(rng, models=("pca",), scores={n: SCORES[n] for n in ("lr_10", "lr_100", "gbt_100")})
    found = label_efficiency(table)
    assert sorted(zip(found["predictor"], found["labels"], strict=True)) == [("gbt", 100), ("lr", 10), ("lr", 100)]


def test_accuracies_that_no_run_has_together_are_named(rng: np.random.Generator) -> None:
    table = synthetic_table(rng, models=("pca",), scores={name: SCORES[name] for name in ("lr_10", "lr_100")})
    one_each = table[table["name"].eq("lr_10") == table["seed"].eq(0)]
    with pytest.raises(TooFewRunsError, match="no run has all of lr_10, lr_100"):
        label_efficiency(one_each)


def test_the_gap_is_mean_minus_sampled_of_the_same_run(rng: np.random.Generator) -> None:
    table = synthetic_table(rng, models=("beta_vae",), strengths=1, seeds=2)
    found = posterior_gap(table).set_index(["run", "name"])
    for run in ("0", "1"):
        own = table[table["run"].eq(run) & table["name"].eq(TC)].set_index("representation")["score"]
        assert found.loc[(run, TC), "gap"] == pytest.approx(own["mean"] - own["sampled"])


def test_without_sampled_codes_there_is_no_gap(rng: np.random.Generator) -> None:
    with pytest.raises(TooFewRunsError, match="also_sampled"):
        posterior_gap(synthetic_table(rng, models=("pca",), sampled={}))


def test_a_line_starts_and_ends_at_its_ends(rng: np.random.Generator) -> None:
    a, b = (rng.random((2, 3)).astype(np.float32) for _ in range(2))
    line = between(a, b, 5)
    np.testing.assert_array_equal(line[0], a)
    np.testing.assert_array_equal(line[-1], b)
    np.testing.assert_allclose(line[2], (a + b) / 2, rtol=1e-6)
    with pytest.raises(ValueError, match="steps = 1"):
        between(a, b, 1)


def test_the_nearest_image_is_at_the_distance_of_a_search_by_hand(rng: np.random.Generator) -> None:
    images, data = (rng.random((n, 4, 4, 1)).astype(np.float32) for n in (6, 30))
    expected = np.sqrt(((images[:, None] - data[None]) ** 2).mean(axis=(2, 3, 4))).min(axis=1)
    np.testing.assert_allclose(nearest_distances(images, data), expected, rtol=1e-5)
    assert nearest_distances(data[:3], data) == pytest.approx(np.zeros(3), abs=1e-7)
    with pytest.raises(ValueError, match="cannot be compared"):
        nearest_distances(images, data[:, :2])


def test_a_code_that_flattens_the_manifold_has_images_half_way_and_pixels_have_none() -> None:
    def bar(place: np.ndarray) -> np.ndarray:
        """An image of one bright column, in a place (N, 1)."""
        columns = np.arange(9) == np.round(place)
        return np.broadcast_to(columns[:, None, :, None], (len(place), 9, 9, 1)).astype(np.float32)

    def place(images: np.ndarray) -> tuple[np.ndarray, None]:
        return images[:, 0, :, 0].argmax(axis=1)[:, None].astype(np.float32), None

    first, second = bar(np.array([[0], [2]])), bar(np.array([[4], [8]]))
    found = midpoint_distances(first, second, bar(np.arange(9)[:, None]), place, bar)
    assert found["codes"] == pytest.approx([0, 0], abs=1e-7)
    assert found["decoded"] == pytest.approx([0, 0], abs=1e-7)
    assert (found["pixels"] > 0.2).all()
