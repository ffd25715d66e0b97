"""The ELBO at the final weights is the one that training lowers, on the images it is given."""

import numpy as np
import pytest
import torch

from bench.metrics.base import SkippedError
from bench.metrics.elbo import bernoulli_nll, elbo, gaussian_kl
from bench.models.autoencoder import Autoencoder
from bench.models.beta_vae import BetaVAE
from bench.models.deep_vae import DeepVAE
from bench.models.parts import terms
from bench.models.pca import PCA
from bench.testing.learners import QuarterCode, sample_images

RNG = np.random.default_rng(0)
IMAGES = RNG.random((700, 32, 32, 1), np.float32)
SHAPE = (32, 32, 1)


def test_its_terms_are_those_of_training() -> None:
    logits, images = RNG.normal(0, 5, size=(6, 4, 4, 3)).astype(np.float32), RNG.random((6, 4, 4, 3), np.float32)
    theirs = terms.bernoulli_nll(torch.from_numpy(logits)[None], torch.from_numpy(images)[None])[0]
    np.testing.assert_allclose(bernoulli_nll(logits, images), theirs, rtol=1e-5)
    mean, logvar = RNG.normal(size=(2, 50, 4))
    theirs = terms.gaussian_kl(torch.from_numpy(mean)[None], torch.from_numpy(logvar)[None])[0]
    assert gaussian_kl(mean, logvar).sum(axis=1).mean() == pytest.approx(theirs.item())


def test_it_is_minus_the_loss_of_a_beta_vae_of_beta_1() -> None:
    vae = BetaVAE(SHAPE, "small", 5, (3,), ({"beta": 1.0},))
    found = elbo(vae, IMAGES, seed=1)
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal((700, 5), np.float32))
    with torch.inference_mode():
        losses = vae.losses(torch.from_numpy(IMAGES)[None], noise[None], torch.zeros(1, dtype=torch.int32), curves=True)
    assert found["reconstruction"] == pytest.approx(losses["reconstruction"].item(), rel=1e-5)
    assert found["kl"] == pytest.approx(losses["kl"].item(), rel=1e-4)
    assert found["elbo"] == pytest.approx(-losses["loss"].item(), rel=1e-5)


def test_dimensions_add_up_to_the_kl() -> None:
    found = elbo(QuarterCode(), sample_images(300)[0])
    assert sum(found[f"kl_dim_{d}"] for d in range(4)) == pytest.approx(found["kl"])
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"])
    assert found.keys() == {"reconstruction", "kl", "elbo", *(f"kl_dim_{d}" for d in range(4))}


def test_learners_to_which_it_does_not_apply_say_why() -> None:
    with pytest.raises(SkippedError, match="a deterministic code has no KL"):
        elbo(Autoencoder(SHAPE, "small", 5), IMAGES[:10])
    pca = PCA(SHAPE, latent_dim=3, num_images=100)
    pca.fit_images(IMAGES[:100].reshape(100, -1), 0)
    with pytest.raises(SkippedError, match="a deterministic code has no KL"):
        elbo(pca, IMAGES[:10])
    deep = DeepVAE(SHAPE, "small", 5, (0,), ({"layers": 2.0, "layer": 1.0},))
    with pytest.raises(SkippedError, match="the codes alone give no Bernoulli distribution"):
        elbo(deep, IMAGES[:10])


def test_a_deep_vae_of_one_layer_is_a_vae() -> None:
    deep = DeepVAE(SHAPE, "small", 5, (0,), ({"layers": 1.0, "layer": 1.0},))
    assert elbo(deep, IMAGES[:10])["kl"] >= 0


def test_what_a_decoder_gives_is_the_probability_that_its_logits_say() -> None:
    vae = BetaVAE(SHAPE, "small", 5, (3,), ({"beta": 1.0},))
    codes = RNG.normal(size=(4, 5))  # of 64 bits, and in another order in memory
    logits = vae.logits(np.asfortranarray(codes))
    assert logits is not None
    np.testing.assert_allclose(vae.decode(codes), 1 / (1 + np.exp(-logits)), rtol=1e-5)
