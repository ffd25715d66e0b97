"""DC-IGN's groups vary one factor each, and its gradients are those of a network whose layers clamp and replace."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models.base import ModelError
from bench.models.dc_ign import DCIGN
from bench.models.parts.draws import Draws
from bench.models.parts.pairs import factors_of
from bench.models.parts.vae import Latent

SIZES = (3, 1, 6, 40)  # three factors vary
START = torch.zeros(1, dtype=torch.int32)


def new(*seeds: int, images: float = 4.0, sizes: Sequence[int] = SIZES, dims: int = 5) -> DCIGN:
    model = DCIGN((32, 32, 1), "small", dims, seeds, [{"invariance": 0.01, "images": images}] * len(seeds))
    model.check_views(sizes)
    return model


def groups(model: DCIGN, batch: int, step: int = 0, seeds: Sequence[int] = (3,)) -> Tensor:
    """Factor values of the images of groups, (K, images, batch, F)."""
    total = int(np.prod(SIZES))
    drawn = (torch.arange(batch) * 131 % total).expand(len(seeds), -1)
    draws = Draws(tuple(seeds), "partners")

    def words(count: int) -> Tensor:
        return draws(torch.tensor([step], dtype=torch.int32), batch * count).unflatten(1, (batch, count))

    rows = torch.cat([drawn, model.partners(drawn, words, SIZES)], dim=1)
    assert rows.min() >= 0
    assert rows.max() < total
    return factors_of(rows, SIZES).unflatten(1, (model.views, batch))


def test_one_factor_varies_in_each_group_and_each_factor_in_turn() -> None:
    model = new(3, images=9)
    values = groups(model, 30)
    varies = (values != values[:, :1]).any(dim=1)[0]
    vary = [[0], [2], [3]]
    for group in range(30):
        assert set(varies[group].nonzero().flatten().tolist()) <= set(vary[group % 3])
    assert varies.sum() > 27  # among nine images some differ, but of three shapes all may be equal


def test_the_factor_that_varies_takes_each_value_as_often() -> None:
    model = new(3, images=101)
    values = torch.stack([groups(model, 6, step)[0] for step in range(10)])[:, 1:]  # step, image, group, factor
    for group, factor in ((0, 0), (1, 2), (2, 3)):
        counts = torch.bincount(values[:, :, [group, group + 3], factor].flatten(), minlength=SIZES[factor]).double()
        expected = counts.sum() / SIZES[factor]
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        freedom = SIZES[factor] - 1
        assert chi_square < freedom + 4 * (2 * freedom) ** 0.5


def test_groups_are_a_function_of_seed_and_step_alone() -> None:
    pair, alone = (groups(new(*seeds), 12, 5, seeds) for seeds in ((3, 4), (4,)))
    assert torch.equal(pair[1:], alone)
    assert not torch.equal(alone, groups(new(4), 12, 6, (4,)))


class Replaced(torch.autograd.Function):
    """The layers of the published code: what is clamped gets the mean, and its distance from it as a gradient."""

    @staticmethod
    def forward(ctx, z, own, strength):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(z, own)
        ctx.strength = strength
        return torch.where(own, z, z.mean(dim=0))

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        z, own = ctx.saved_tensors
        return torch.where(own, gradient, ctx.strength * (z - z.mean(dim=0))), None, None


def test_gradients_are_those_of_layers_that_clamp_and_replace() -> None:
    rng = torch.Generator().manual_seed(0)
    model = new(0)
    z = torch.randn(1, 4 * 6, 5, generator=rng).requires_grad_()
    images = torch.rand(1, 4 * 6, 32, 32, 1, generator=rng)
    zero = torch.zeros_like(z)  # whose KL has no gradient
    latent = Latent(zero, zero, z)
    (model.reconstruction(latent, images) + model.regulariser(latent, START)).sum().backward()
    ours = z.grad[0].unflatten(0, (4, 6))
    for group in range(6):
        own = torch.arange(5) == group % 3
        codes = z.detach()[0].unflatten(0, (4, 6))[:, group].requires_grad_()
        shown = images[0].unflatten(0, (4, 6))[:, group]
        logits = model.decoder(Replaced.apply(codes, own, 0.01)[None])[0]
        torch.nn.functional.binary_cross_entropy_with_logits(logits, shown, reduction="sum").backward()
        torch.testing.assert_close(24 * ours[:, group], codes.grad, rtol=1e-4, atol=1e-6)


def test_the_loss_is_its_parts() -> None:
    model = new(0)
    rng = torch.Generator().manual_seed(0)
    images, noise = torch.rand(1, 24, 32, 32, 1, generator=rng), torch.randn(1, 24, 5, generator=rng)
    losses = model.losses(images, noise, START, curves=True)
    latent = model.latent(images, noise)
    clamped = model.clamped(latent.z)
    assert losses["loss"].item() == pytest.approx((losses["reconstruction"] + losses["regulariser"]).item())
    apart = (latent.z - clamped).square().sum(dim=2).mean().item()
    assert (losses["regulariser"] - losses["kl"]).item() == pytest.approx(0.005 * apart, rel=1e-3)
    same = (clamped == latent.z)[0].unflatten(0, (4, 6)).all(dim=0)
    assert same.tolist() == [[j == group % 3 for j in range(5)] for group in range(6)]


@pytest.mark.parametrize(
    ("sizes", "dims", "message"),
    [
        ((), 5, "the data set has no factor grid"),
        ((4, 4, 4), 2, "a dimension for each factor that varies: the data set has 3, trainer.latent_dim is 2"),
        ((1, 1), 5, "the data set has 0"),
    ],
)
def test_data_sets_that_cannot_give_the_groups_are_refused(sizes: Sequence[int], dims: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        new(0, sizes=sizes, dims=dims)


def test_a_batch_too_small_for_every_factor_is_refused() -> None:
    with pytest.raises(ModelError, match=r"each of 3 factors in a step: trainer.batch_size is 2"):
        groups(new(3), 2)


def test_a_group_has_at_least_two_images() -> None:
    with pytest.raises(ModelError, match="dc_ign: images must be a whole number from 2, got 1"):
        new(0, images=1)
