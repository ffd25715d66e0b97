"""A rotation of the code leaves density and bound alone and lowers what claims to measure axis alignment."""

import numpy as np
import pytest
from scipy.stats import bernoulli, multivariate_normal

from bench.analysis.representations.identifiability import (
    LinearGaussian,
    gaussian_kl,
    plane_rotation,
    random_rotation,
    rotated_elbo,
)
from bench.analysis.representations.rotation import scores_under_rotation
from bench.analysis.representations.sources import amari_distance, classes, draw_sources, source_recovery


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def model(rng: np.random.Generator) -> LinearGaussian:
    return LinearGaussian.fitted(2 * random_rotation(9, rng)[:, :4], noise=0.2)


def observed(model: LinearGaussian, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return z @ model.decoder.T + model.noise * rng.normal(size=(len(z), len(model.decoder)))


def test_rotations_are_orthogonal(rng: np.random.Generator) -> None:
    for turn in (random_rotation(5, rng), plane_rotation(5, 30)):
        np.testing.assert_allclose(turn @ turn.T, np.eye(5), atol=1e-12)


def test_the_exact_posterior_makes_the_bound_tight(model: LinearGaussian, rng: np.random.Generator) -> None:
    x = observed(model, rng.normal(size=(50, 4)), rng)
    covariance = model.decoder @ model.decoder.T + model.noise**2 * np.eye(9)
    np.testing.assert_allclose(model.log_density(x), multivariate_normal(np.zeros(9), covariance).logpdf(x))
    np.testing.assert_allclose(model.elbo(x), model.log_density(x), rtol=1e-10)


def test_rotation_leaves_density_and_bound_as_they_are_also_of_an_encoder_that_is_not_exact(
    model: LinearGaussian, rng: np.random.Generator
) -> None:
    x = observed(model, rng.normal(size=(50, 4)), rng)
    loose = LinearGaussian(model.decoder, model.noise, 0.9 * model.encoder, np.diag([0.1, 0.2, 0.3, 0.4]))
    assert (loose.elbo(x) < loose.log_density(x) - 0.1).all()
    turned = loose.rotated(random_rotation(4, rng))
    assert np.abs(turned.encode(x) - loose.encode(x)).max() > 0.1
    np.testing.assert_allclose(turned.elbo(x), loose.elbo(x), rtol=1e-12)
    np.testing.assert_allclose(turned.log_density(x), loose.log_density(x), rtol=1e-12)


def test_the_divergence_is_that_of_each_dimension_where_they_are_independent() -> None:
    mean, variance = np.array([[1.0, -2.0]]), np.array([0.5, 2.0])
    expected = 0.5 * (mean**2 + variance - np.log(variance) - 1).sum()
    assert gaussian_kl(mean, np.diag(variance)) == pytest.approx(expected)


def test_a_decoder_that_absorbs_the_rotation_has_the_same_bound_to_float_precision(rng: np.random.Generator) -> None:
    weights = rng.normal(size=(3, 16)).astype(np.float32)

    def decode(codes: np.ndarray) -> np.ndarray:
        assert codes.dtype == np.float32
        return (1 / (1 + np.exp(-np.tanh(codes) @ weights))).reshape(-1, 4, 4, 1)

    images = rng.random((20, 4, 4, 1)).astype(np.float32)
    mean, logvar = (rng.normal(size=(20, 3)).astype(np.float32) for _ in range(2))
    bounds = [
        rotated_elbo(images, mean, logvar, decode, turn, np.random.default_rng(1))
        for turn in (np.eye(3), random_rotation(3, rng))
    ]
    np.testing.assert_allclose(bounds[1], bounds[0], rtol=10 * np.finfo(np.float32).eps)
    z = mean + np.exp(logvar / 2) * np.random.default_rng(1).standard_normal(mean.shape)
    likelihood = bernoulli.logpmf(1, p := decode(z.astype(np.float32))) * images + np.log(1 - p) * (1 - images)
    divergence = (mean**2 + np.exp(logvar) - logvar - 1) / 2
    np.testing.assert_allclose(bounds[0], likelihood.sum(axis=(1, 2, 3)) - divergence.sum(axis=1), rtol=1e-5)


def test_a_random_rotation_favours_no_direction(rng: np.random.Generator) -> None:
    entries = np.array([random_rotation(3, rng) for _ in range(1000)])
    assert np.abs(entries.mean(axis=0)).max() < 0.08  # of standard error 0.018
    assert abs(np.sign(np.linalg.det(entries)).mean()) < 0.15


def test_metrics_of_axes_fall_and_those_of_content_do_not(model: LinearGaussian, rng: np.random.Generator) -> None:
    z = rng.normal(size=(2000, 4))
    codes = model.encode(observed(model, z, rng))
    found = scores_under_rotation(codes, classes(z), ["mig", "sap", "irs", "clusterability", "explicitness"], [0, 45])
    upright, turned = (found[found["degrees"] == d].set_index("name")["score"] for d in (0, 45))
    for name in ("mig", "sap", "irs"):
        assert turned[name] < 0.7 * upright[name], name
    for name in ("knn_accuracy", "explicitness_test"):
        assert turned[name] == pytest.approx(upright[name], abs=0.02), name


def test_a_metric_that_does_not_apply_is_left_out(rng: np.random.Generator) -> None:
    found = scores_under_rotation(rng.normal(size=(200, 2)), rng.integers(3, size=(200, 1)), ["modularity", "mig"], [0])
    assert list(found["metric"]) == ["mig"]


def test_classes_of_sources_are_of_equal_size(rng: np.random.Generator) -> None:
    counts = [np.bincount(column) for column in classes(rng.normal(size=(800, 3)), 8).T]
    assert (np.array(counts) == 100).all()


def test_sources_have_unit_variance_whatever_their_shape(rng: np.random.Generator) -> None:
    for shape in (0.7, 2, 8):
        assert draw_sources(shape, 50_000, 1, rng).std() == pytest.approx(1, abs=0.03)


def test_sources_are_found_where_they_are_not_gaussian_and_only_there() -> None:
    found = source_recovery([1.0, 2.0, 8.0], seeds=3, rows=5000).groupby("shape").mean()
    for shape in (1.0, 8.0):
        assert found.loc[shape, "amari"] < 0.05
        assert found.loc[shape, "mig"] > 0.9 * found.loc[shape, "ceiling"]
    assert found.loc[2.0, "amari"] > 0.2
    assert found.loc[2.0, "mig"] < 0.6 * found.loc[2.0, "ceiling"]


def test_the_distance_from_a_permutation_is_one_where_all_entries_are_equal() -> None:
    assert amari_distance(np.full((4, 4), -2.0)) == pytest.approx(1)
    with pytest.raises(ValueError, match="zeros"):
        amari_distance(np.diag([1.0, 0.0]))
