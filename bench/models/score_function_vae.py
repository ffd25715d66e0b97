"""A VAE trained by the score-function estimator (Williams 1992; Mnih & Gregor 2014) of its gradient."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import bernoulli_nll, gaussian_kl, gaussian_log_density
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class ScoreFunctionVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + KL(q(z|x) || N(0, I)), as for the VAE, with another estimator of the encoder's gradient.

    The gradient of the first term is E[(-log p(x|z) - baseline b) grad log q(z|x)]; the VAE's goes through
    z = mean + exp(logvar / 2) noise. b is the mean of -log p(x|z) over the other images of the batch. b does not depend
    on the sample of this image, so the gradient is unbiased for any weight `baseline`; 0 is the plain estimator.
    """

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        return gaussian_kl(latent.mean, latent.logvar)

    def reconstruction(self, latent: Latent, images: Tensor) -> Tensor:
        z = latent.z.detach()
        nll = bernoulli_nll(self.decoder(z), images)
        return score_function(nll, gaussian_log_density(z, latent.mean, latent.logvar), self.hyper["baseline"])


def score_function(cost: Tensor, log_q: Tensor, baseline: Tensor) -> Tensor:
    """The mean cost of samples, (K,), whose gradient is grad cost + (cost - baseline b) grad log q.

    Args:
        cost: (K, batch) of detached samples.
        log_q: (K, batch) log-density of the samples.
        baseline: (K,) weight of b, the mean cost of the other samples of the batch.
    """
    signal = cost.detach() - baseline[:, None] * mean_of_others(cost.detach())
    return (cost + signal * (log_q - log_q.detach())).mean(dim=1)


def mean_of_others(values: Tensor) -> Tensor:
    """For each value of a batch (K, batch), the mean of the other values; 0 in a batch of one."""
    others = max(values.shape[1] - 1, 1)
    return (values.sum(dim=1, keepdim=True) - values) / others
