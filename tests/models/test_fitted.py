"""Fitted learners: what they find, and what they refuse."""

import numpy as np
import pytest

from bench.data import load_data
from bench.data.pooled import at_size
from bench.models.base import ModelError
from bench.models.pca import PCA

DATA = at_size(load_data("mnist"), 32)


@pytest.fixture(scope="module")
def pca() -> PCA:
    learner = PCA((32, 32, 1), latent_dim=20, num_images=2000)
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


def test_weights_of_another_model_are_refused(pca: PCA) -> None:
    with pytest.raises(ModelError, match="another model"):
        PCA((32, 32, 1)).load({"encoder": np.zeros(3, np.float32)})


def test_more_components_than_images_are_refused() -> None:
    with pytest.raises(ModelError, match="latent_dim 10 must be below the 5 images"):
        PCA((32, 32, 1), latent_dim=10, num_images=5).fit(DATA, 0)
