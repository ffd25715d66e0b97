"""The score-function estimator is unbiased, varies more than the reparametrised one, and less with a baseline."""

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models.beta_vae import BetaVAE
from bench.models.parts.terms import gaussian_log_density
from bench.models.parts.vae import GaussianVAE
from bench.models.score_function_vae import ScoreFunctionVAE, mean_of_others, score_function

DRAWS, BATCH = 4000, 8
SLOPE, START = 1.5, torch.zeros(1, dtype=torch.int32)


def linear_gaussian(estimator: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of E[0.5 (x - a z)^2], z ~ N(m, exp(s)), wrt m and s: draws (DRAWS, BATCH) of each, and their truth."""
    generator = torch.Generator().manual_seed(0)
    x, m, s = (torch.linspace(low, high, BATCH).expand(DRAWS, BATCH) for low, high in ((3, 5), (-1, 1), (-1, 0.5)))
    m, s = (t.clone().requires_grad_() for t in (m, s))
    z = m + (s / 2).exp() * torch.randn(DRAWS, BATCH, generator=generator)
    if estimator == "reparametrised":
        loss = (0.5 * (x - SLOPE * z).square()).mean(dim=1)
    else:
        z = z.detach()
        log_q = gaussian_log_density(z[..., None], m[..., None], s[..., None])
        weight = torch.full((DRAWS,), 1.0 if estimator == "baseline" else 0.0)
        loss = score_function(0.5 * (x - SLOPE * z).square(), log_q, weight)
    dm, ds = torch.autograd.grad(loss.sum(), (m, s))
    truth_m, truth_s = (-SLOPE * (x - SLOPE * m))[0], (0.5 * SLOPE**2 * s.exp())[0]
    return dm * BATCH, ds * BATCH, truth_m.detach(), truth_s.detach()


@pytest.mark.parametrize("estimator", ["reparametrised", "score function", "baseline"])
def test_every_estimator_is_unbiased_on_a_linear_gaussian_model(estimator: str) -> None:
    dm, ds, truth_m, truth_s = linear_gaussian(estimator)
    for draws, truth in ((dm, truth_m), (ds, truth_s)):
        error = (draws.mean(dim=0) - truth) / (draws.std(dim=0) / DRAWS**0.5)
        assert error.abs().max() < 4  # standard errors, of sixteen comparisons


def test_the_score_function_varies_more_and_a_baseline_takes_some_of_it_away() -> None:
    exact, bare, helped = (
        sum(g.var(dim=0).sum().item() for g in linear_gaussian(e)[:2])
        for e in ("reparametrised", "score function", "baseline")
    )
    assert exact < helped < bare


def gradients(kind: type[GaussianVAE], hyper: dict[str, float], draws: int = 120) -> Tensor:
    """Draws of the gradient of the encoder's last biases at the same weights, on the same images."""
    model = kind((32, 32, 1), "small", 2, (0,) * draws, (hyper,) * draws)
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(1, 4, 32, 32, 1, generator=generator).round().expand(draws, -1, -1, -1, -1)
    noise = torch.randn(draws, 4, 2, generator=generator)
    biases = [model.encoder.mean.bias, model.encoder.logvar.bias]
    loss = model.losses(images, noise, START)["loss"]
    return torch.cat([g.flatten(1) for g in torch.autograd.grad(loss.sum(), biases)], dim=1)


def test_in_a_vae_the_mean_gradients_agree_within_their_interval_and_the_variance_is_larger() -> None:
    exact = gradients(BetaVAE, {"beta": 1.0})
    for baseline in (0.0, 1.0):
        drawn = gradients(ScoreFunctionVAE, {"baseline": baseline})
        error = (drawn.var(dim=0) / len(drawn) + exact.var(dim=0) / len(exact)).sqrt()
        assert ((drawn.mean(dim=0) - exact.mean(dim=0)).abs() / error).max() < 4
        assert drawn.var(dim=0).sum() > 3 * exact.var(dim=0).sum()


def test_the_decoders_gradient_and_the_loss_are_those_of_the_vae() -> None:
    vae = BetaVAE((32, 32, 1), "small", 6, (2,), ({"beta": 1.0},))
    other = ScoreFunctionVAE((32, 32, 1), "small", 6, (2,), ({"baseline": 1.0},))
    generator = torch.Generator().manual_seed(0)
    images, noise = torch.rand(1, 8, 32, 32, 1, generator=generator), torch.randn(1, 8, 6, generator=generator)
    first, second = (model.losses(images, noise, START)["loss"] for model in (vae, other))
    assert torch.equal(first, second)
    ours, theirs = (
        torch.autograd.grad(loss, list(model.decoder.parameters())) for loss, model in ((first, vae), (second, other))
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_baseline_of_an_image_is_the_mean_of_the_others() -> None:
    np.testing.assert_allclose(mean_of_others(torch.tensor([[1.0, 2.0, 6.0]])).numpy(), [[4, 3.5, 1.5]])
    assert mean_of_others(torch.tensor([[5.0]])).item() == 0
