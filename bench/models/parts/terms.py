"""Terms of objectives. Every tensor starts with the fleet dimension K; every term is (K,)."""

import math

from torch import Tensor
from torch.nn import functional as F


def bernoulli_nll(logits: Tensor, images: Tensor) -> Tensor:
    """-log p(x|z) of Bernoulli pixels, summed over pixels and channels: (K, batch).

    Args:
        logits: (K, batch, height, width, channels).
        images: the same shape, in [0, 1].
    """
    return F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(dim=(2, 3, 4))


def bernoulli_reconstruction(logits: Tensor, images: Tensor) -> Tensor:
    """-log p(x|z) of Bernoulli pixels, mean over the batch: (K,)."""
    return bernoulli_nll(logits, images).mean(dim=1)


def gaussian_log_density(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mean, exp(logvar)), summed over dimensions: (K, batch)."""
    return -0.5 * ((z - mean).square() * (-logvar).exp() + logvar + math.log(2 * math.pi)).sum(dim=2)


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, I)) = 0.5 sum(mean^2 + exp(logvar) - logvar - 1), mean over the batch."""
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(dim=2).mean(dim=1)


def sampled_kl(logvar: Tensor, z: Tensor, prior_mean: Tensor, prior_logvar: Tensor) -> Tensor:
    """Estimate of KL(q || N(prior_mean, exp(prior_logvar))) by one sample z of q = N(., exp(logvar)).

    0.5 sum((z - prior_mean)^2 exp(-prior_logvar) + prior_logvar - logvar - 1), mean over the batch. The entropy of q is
    in closed form; the cross entropy uses the sample, so the prior may depend on z.
    """
    distance = (z - prior_mean).square() * (-prior_logvar).exp()
    return 0.5 * (distance + prior_logvar - logvar - 1).sum(dim=2).mean(dim=1)


def total_correlation(mean: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """Minibatch estimate of KL(q(z) || prod_l q(z_l)) (Chen et al. 2018), without importance weights or constants.

    mean_j [ logsumexp_i sum_l log q(z_jl|x_i) - sum_l logsumexp_i log q(z_jl|x_i) ].
    """
    m, s = mean[:, None], logvar[:, None]
    log_density = -0.5 * ((z[:, :, None] - m).square() * (-s).exp() + s + math.log(2 * math.pi))  # (K, j, i, D)
    joint = log_density.sum(dim=3).logsumexp(dim=2)
    product = log_density.logsumexp(dim=2).sum(dim=2)
    return (joint - product).mean(dim=1)


def covariance(mean: Tensor) -> Tensor:
    """Biased covariance of the codes over the batch: (K, D, D)."""
    centred = mean - mean.mean(dim=1, keepdim=True)
    return centred.transpose(1, 2) @ centred / mean.shape[1]


def identity_penalty(matrix: Tensor, off_diagonal: Tensor, diagonal: Tensor) -> Tensor:
    """off_diagonal sum_{i != j} M_ij^2 + diagonal sum_i (M_ii - 1)^2 (Kumar et al. 2018), weights (K,)."""
    variances = matrix.diagonal(dim1=1, dim2=2)
    off = matrix.square().sum(dim=(1, 2)) - variances.square().sum(dim=1)
    return off_diagonal * off + diagonal * (variances - 1).square().sum(dim=1)
