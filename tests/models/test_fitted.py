"""Fitted learners: the contract of all of them, what each finds on data whose answer is known, what they refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from bench import registry
from bench.data import load_data
from bench.data.base import MAX_CHECKED, Card, DataSet
from bench.data.pooled import at_size
from bench.metrics.mig import mig
from bench.models.base import Fitted, ModelError
from bench.models.ica import ICA
from bench.models.parts.vae import GaussianVAE
from bench.models.pca import PCA
from bench.models.random_projection import RandomProjection
from bench.models.raw_pixels import RawPixels
from bench.models.sparse_coding import SparseCoding, sparse_codes
from bench.models.untrained_vae import UntrainedVAE
from bench.store import files, shipped

DATA = at_size(load_data("mnist"), 32)
SHAPE = (32, 32, 1)
FITTED = [n for n in registry.names("models") if issubclass(registry.load("models", n), Fitted)]
SMALL = {"num_images": 300, "num_batches": 3, "n_atoms": 12, "max_iter": 3000}
DATASETS = ["dsprites", "noisy_dsprites", "mnist"]
Array = NDArray[Any]


class Given(DataSet):
    """Rows of an array as images of one row of pixels, whose values may lie anywhere."""

    num_checked = MAX_CHECKED

    def __init__(self, pixels: Array) -> None:
        shape = (1, pixels.shape[1], 1)
        super().__init__(Card("given", "Given", "given", len(pixels), shape, (), (), False, "", "", "", ""))
        self.pixels = pixels.astype(np.float32).reshape(-1, *shape)

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        return self.pixels[index]


def new(name: str, shape: tuple[int, int, int] = SHAPE) -> Fitted:
    """A learner as its yaml gives it, on few images."""
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{name}.yaml").read_text())
    hyper = entry["hyper"] | ({entry["sweeps"]: entry["values"][2]} if entry["sweeps"] else {})
    learner: Fitted = registry.load("models", name)(shape, **hyper | {k: v for k, v in SMALL.items() if k in hyper})
    return learner


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", FITTED)
def test_codes_and_decoded_images_are_finite_and_survive_a_round_trip_of_the_state(
    name: str, dataset: str, tmp_path: Path
) -> None:
    data = at_size(load_data(dataset), 32 if name == "untrained_vae" else 16)
    learner, reloaded = (new(name, data.card.image_shape) for _ in range(2))
    learner.fit(data, 0)
    images = data.images(np.arange(0, 4000, 400))
    mean, logvar = learner.encode(images)
    decoded = learner.decode(mean)
    assert mean.shape[0] == 10
    assert mean.ndim == 2
    assert logvar is None or logvar.shape == mean.shape
    assert mean.dtype == decoded.dtype == np.float32
    assert np.isfinite(mean).all()
    assert decoded.shape == images.shape
    assert 0 <= decoded.min() <= decoded.max() <= 1
    files.write_arrays(tmp_path / "weights", learner.state())
    reloaded.load(files.read_arrays(tmp_path / "weights")[0])
    np.testing.assert_array_equal(reloaded.encode(images)[0], mean)
    np.testing.assert_array_equal(reloaded.decode(mean), decoded)


@pytest.mark.parametrize("name", [n for n in FITTED if n != "raw_pixels"])
def test_a_seed_decides_every_bit(name: str) -> None:
    learned = []
    for seed in (1, 1, 2):
        learner = new(name)
        learner.fit(DATA, seed)
        learned.append(learner.encode(DATA.images(range(20)))[0])
    np.testing.assert_array_equal(learned[0], learned[1])
    assert (learned[0] != learned[2]).any()


@pytest.mark.parametrize("name", FITTED)
def test_weights_of_another_model_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="another"):
        new(name).load({"weights": np.zeros(3, np.float32)})


@pytest.fixture(scope="module")
def pca() -> PCA:
    learner = PCA(SHAPE, latent_dim=20, num_images=2000)
    learner.fit(DATA, 0)
    return learner


def test_principal_components_are_scikit_learns(pca: PCA) -> None:
    from sklearn.decomposition import PCA as Theirs

    index = np.random.default_rng([0, 0x9CA]).choice(len(DATA), 2000, replace=False)
    images = DATA.images(index)
    theirs = Theirs(5, whiten=True, svd_solver="full").fit_transform(images.reshape(2000, -1))
    ours, logvar = pca.encode(images)
    assert logvar is None
    np.testing.assert_allclose(np.abs(ours[:, :5]), np.abs(theirs), atol=0.02)
    np.testing.assert_allclose(np.cov(ours, rowvar=False), np.eye(20), atol=0.01)


def test_decoding_comes_back_near_the_image(pca: PCA) -> None:
    images = DATA.images(range(100))
    assert np.square(pca.decode(pca.encode(images)[0]) - images).mean() < 0.5 * images.var()


def test_more_components_than_images_are_refused() -> None:
    for name in (PCA, ICA):
        with pytest.raises(ModelError, match="latent_dim 10 must be below the 5 images"):
            name(SHAPE, latent_dim=10, num_images=5, max_iter=100).fit(DATA, 0)


Draw = Callable[[np.random.Generator, tuple[int, int]], Array]
GAUSSIAN: Draw = lambda rng, shape: rng.standard_normal(shape)  # noqa: E731
UNIFORM: Draw = lambda rng, shape: rng.uniform(-1, 1, shape)  # noqa: E731
LAPLACE: Draw = lambda rng, shape: rng.laplace(size=shape)  # noqa: E731


def mixed(draw: Draw, sources: int = 4, rows: int = 5000) -> tuple[Array, Array]:
    """Independent sources (N, S) and their random linear mixtures (N, 2 S)."""
    rng = np.random.default_rng(0)
    s = draw(rng, (rows, sources))
    return s, s @ rng.standard_normal((sources, 2 * sources))


def recovered(draw: Draw) -> tuple[Array, Array]:
    """Sources, and the codes that ICA finds of their mixtures."""
    sources, pixels = mixed(draw)
    learner = ICA((1, 8, 1), latent_dim=4, num_images=5000, max_iter=3000)
    learner.fit(Given(pixels), 0)
    return sources, learner.encode(Given(pixels).images(range(5000)))[0]


def classes(sources: Array) -> Array:
    """Each source in ten classes of equal count."""
    ranks = sources.argsort(axis=0).argsort(axis=0)
    return ranks * 10 // len(sources)


@pytest.mark.parametrize("draw", [UNIFORM, LAPLACE])
def test_ica_recovers_sources_that_are_not_gaussian_up_to_order_and_sign(draw: Draw) -> None:
    sources, codes = recovered(draw)
    correlation = np.abs(np.corrcoef(sources.T, codes.T)[:4, 4:])
    assert sorted(correlation.argmax(axis=1)) == [0, 1, 2, 3]
    assert correlation.max(axis=1).min() > 0.99
    assert mig(codes, classes(sources))["mig"] > 0.6


def test_ica_cannot_recover_gaussian_sources() -> None:
    sources, codes = recovered(GAUSSIAN)
    assert mig(codes, classes(sources))["mig"] < 0.2


def test_ica_finds_the_components_of_scikit_learn_where_that_converges() -> None:
    from sklearn.decomposition import FastICA

    _, codes = recovered(LAPLACE)
    theirs = FastICA(4, whiten="unit-variance", random_state=0, tol=1e-8, max_iter=1000).fit_transform(
        mixed(LAPLACE)[1]
    )
    correlation = np.abs(np.corrcoef(theirs.T, codes.T)[:4, 4:])
    assert correlation.max(axis=1).min() > 0.9999


def test_ica_that_does_not_settle_is_an_error_that_names_the_limit() -> None:
    with pytest.raises(ModelError, match="did not converge within max_iter = 3"):
        ICA(SHAPE, latent_dim=10, num_images=500, max_iter=3).fit(DATA, 0)


def test_sparse_codes_are_those_of_coordinate_descent() -> None:
    from sklearn.decomposition import sparse_encode

    rng = np.random.default_rng(0)
    x, atoms = rng.standard_normal((20, 40)), rng.standard_normal((15, 40)) / 40**0.5
    theirs = sparse_encode(x, atoms, algorithm="lasso_cd", alpha=0.5, max_iter=5000)
    ours = sparse_codes(x.astype(np.float32), atoms.astype(np.float32), 0.5, 500)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert ((ours == 0) == (np.abs(theirs) < 1e-6)).mean() > 0.99


def sparse_sums(rows: int = 3000, atoms: int = 12, pixels: int = 30) -> tuple[Array, Array]:
    """Unit atoms, and sums of two of them at random."""
    rng = np.random.default_rng(0)
    basis = rng.standard_normal((atoms, pixels))
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    weights = np.zeros((rows, atoms))
    for row in weights:
        row[rng.choice(atoms, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(1, 2, 2)
    return basis, weights @ basis


def test_sparse_coding_finds_the_atoms_and_codes_that_are_sparse_and_reconstruct() -> None:
    basis, pixels = sparse_sums()
    learner = SparseCoding((1, 30, 1), alpha=0.3, n_atoms=12, num_images=3000, num_batches=100)
    learner.fit(Given(pixels), 0)
    likeness = np.abs(learner.arrays["atoms"] @ basis.T)
    assert (likeness.max(axis=0) > 0.95).mean() >= 0.75
    codes, _ = learner.encode(Given(pixels).images(range(500)))
    assert (codes != 0).mean() < 0.25  # two of twelve are 0.17
    rebuilt = codes @ learner.arrays["atoms"] + learner.arrays["mean"]
    assert np.square(rebuilt - pixels[:500]).mean() < 0.1 * pixels.var()


def test_a_higher_price_makes_codes_sparser_down_to_nothing() -> None:
    images = DATA.images(range(200))
    share = []
    for alpha in (0.5, 2.0, 1e6):
        learner = SparseCoding(SHAPE, alpha=alpha, n_atoms=12, num_images=300, num_batches=5)
        learner.fit(DATA, 0)
        share.append((learner.encode(images)[0] != 0).mean())
    assert share[0] > share[1] > share[2] == 0


def test_more_atoms_than_images_and_a_price_of_nothing_are_refused() -> None:
    settings = {"alpha": 1.0, "n_atoms": 20, "num_images": 10, "num_batches": 1}
    with pytest.raises(ModelError, match="n_atoms 20 must be from 1 to the 10 images"):
        SparseCoding(SHAPE, **settings).fit(DATA, 0)
    with pytest.raises(ModelError, match="alpha must be positive, got 0"):
        SparseCoding(SHAPE, **settings | {"alpha": 0.0, "n_atoms": 5}).fit(DATA, 0)


def test_raw_pixels_are_the_pooled_image() -> None:
    images = DATA.images(range(3))
    codes, _ = RawPixels(SHAPE, size=8).encode(images)
    pooled = at_size(load_data("mnist"), 8).images(range(3))
    np.testing.assert_allclose(codes, pooled.reshape(3, 64), atol=1e-6)
    with pytest.raises(ModelError, match="size 5 does not divide"):
        RawPixels(SHAPE, size=5)


def test_a_random_projection_keeps_distances_and_decodes_to_an_image_of_the_same_codes() -> None:
    learner = RandomProjection(SHAPE, latent_dim=400, num_images=300)
    learner.fit(DATA, 0)
    images = DATA.images(range(60))
    codes, _ = learner.encode(images)
    ratio = np.linalg.norm(codes[:30] - codes[30:], axis=1) / np.linalg.norm(
        (images[:30] - images[30:]).reshape(30, -1), axis=1
    )
    assert 0.8 < ratio.min() <= ratio.max() < 1.2
    near_mean = learner.arrays["mean"].reshape(SHAPE)[None] * 0.9 + 0.05
    code, _ = learner.encode(near_mean)
    np.testing.assert_allclose(learner.encode(learner.decode(code))[0], code, atol=0.05)


def test_an_untrained_vae_is_what_training_starts_from() -> None:
    learner = UntrainedVAE(SHAPE, latent_dim=10)
    learner.fit(DATA, 3)
    start = GaussianVAE(SHAPE, "small", 10, (9, 3)).member(1)
    assert learner.state().keys() == start.keys()
    assert all(np.array_equal(learner.state()[n], a) for n, a in start.items())
    assert [UntrainedVAE((n, n, 1), latent_dim=10).architecture for n in (28, 64, 128)] == [
        "small", "locatello2019", "locatello2019",
    ]  # fmt: skip
    with pytest.raises(ModelError, match="does not take images of 27x27"):
        UntrainedVAE((27, 27, 1), latent_dim=10)


def test_a_learner_shows_its_hyper_parameters() -> None:
    assert (
        repr(PCA((32, 32, 1), latent_dim=10, num_images=500))
        == "PCA(image_shape=(32, 32, 1), latent_dim=10, num_images=500)"
    )


def test_components_of_many_pixels_are_found_from_the_products_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).random((40, 300), np.float32)
    directly, between = (PCA((10, 10, 3), latent_dim=5, num_images=40) for _ in range(2))
    directly.fit_images(images, 0)
    monkeypatch.setattr("bench.models.pca.MOST_PIXELS", 299)
    between.fit_images(images, 0)
    for name in PCA.names:
        np.testing.assert_allclose(between.arrays[name], directly.arrays[name], rtol=1e-3, atol=1e-4)
