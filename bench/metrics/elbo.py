"""The evidence lower bound at the final weights (Kingma & Welling 2014), and its two parts."""

from math import inf
from typing import Any

import numpy as np

from bench.metrics.base import Floats, Score, SkippedError, batches, metric
from bench.models.base import Learner


@metric(
    version=1,
    reads="model",
    num_points=64_000,
    scores={
        "reconstruction": Score(0, inf, higher_is_better=False, title="Reconstruction"),
        "kl": Score(0, inf, higher_is_better=False, title="KL"),
        "elbo": Score(-inf, 0, title="ELBO"),
        "kl_dim_*": Score(0, inf, higher_is_better=None, title="KL of dim *"),
    },
    paper="Kingma & Welling 2014, arXiv:1312.6114",
)
def elbo(model: Learner, images: Any, *, seed: int = 0) -> dict[str, float]:
    """ELBO = -(reconstruction + KL) of a trained model, in nats per image: the objective that a VAE maximises.

    Reconstruction is -log p(x|z) of Bernoulli pixels, summed over pixels, for one sample z = mean + exp(logvar / 2)
    noise per image. KL is KL(N(mean, exp(logvar)) || N(0, I)), summed over dimensions. All are means over the images.

    Args:
        model: a learner whose codes have a variance and whose decoder returns logits of pixels.
        images: (n, height, width, channels) in [0, 1].
        seed: of the noise.

    Returns:
        "reconstruction", "kl", "elbo", and "kl_dim_0", ... of each dimension.

    Raises:
        SkippedError: the codes are deterministic, or the decoder gives no logits.
    """
    rng, total, divergence = np.random.default_rng(seed), 0.0, np.zeros(1)
    for batch in batches(images):
        mean, logvar = model.encode(batch)
        if logvar is None:
            raise SkippedError("a deterministic code has no KL, and so no ELBO")
        noise = rng.standard_normal(mean.shape, dtype=np.float32)
        logits = model.logits((mean + np.exp(logvar / 2) * noise).astype(np.float32))
        if logits is None:
            raise SkippedError("the codes alone give no Bernoulli distribution of the pixels, so there is no ELBO")
        total += bernoulli_nll(logits, batch).sum()
        divergence = divergence + gaussian_kl(mean.astype(np.float64), logvar.astype(np.float64)).sum(axis=0)
    reconstruction, kl = total / len(images), divergence / len(images)
    parts = {"reconstruction": float(reconstruction), "kl": float(kl.sum()), "elbo": float(-reconstruction - kl.sum())}
    return parts | {f"kl_dim_{d}": float(value) for d, value in enumerate(kl)}


def bernoulli_nll(logits: Floats, images: Floats) -> Floats:
    """-log p(x|z) of Bernoulli pixels, summed over pixels and channels: (n,).

    Example:
        >>> bernoulli_nll(np.zeros((1, 2, 2, 1)), np.ones((1, 2, 2, 1))).round(4)  # 4 log 2
        array([2.7726])
    """
    of_pixels = np.maximum(logits, 0) - logits * images + np.log1p(np.exp(-np.abs(logits)))
    return np.asarray(of_pixels.sum(axis=(1, 2, 3), dtype=np.float64))


def gaussian_kl(mean: Floats, logvar: Floats) -> Floats:
    """KL(N(mean, exp(logvar)) || N(0, 1)) = (mean^2 + exp(logvar) - logvar - 1) / 2 of each image and dim, (n, D).

    Example:
        >>> gaussian_kl(np.array([[0.0, 2.0]]), np.zeros((1, 2)))
        array([[0., 2.]])
    """
    return np.maximum((mean**2 + np.exp(logvar) - logvar - 1) / 2, 0)
