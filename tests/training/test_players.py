"""A player with a period of its own: a critic that is updated in every step, the model at every third."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.models.beta_vae import BetaVAE
from bench.models.parts.draws import Draws
from bench.models.parts.stacked import Updates
from bench.models.parts.vae import GaussianVAE, Latent
from bench.networks.base import Networks
from bench.networks.parts.layers import Dense
from bench.random_bits import normal
from bench.training.batches import Batches
from bench.training.fleet import Fleet
from bench.training.stack import Stack, set_precision

EVERY = 3


class WassersteinAE(GaussianVAE):
    """Codes are held to the prior by a critic, whose own loss lowers while the model stands still."""

    updates: Mapping[str, Updates] = {"loss": Updates(every=EVERY), "critic": Updates(betas=(0.0, 0.9))}

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        super().build(seeds, networks)
        self.draws = Draws(seeds, "prior")
        self.critic = nn.ModuleList([Dense(seeds, "critic.0", self.latent_dim, 32), Dense(seeds, "critic.1", 32, 1)])

    def says(self, z: Tensor) -> Tensor:
        return self.critic[1](torch.relu(self.critic[0](z))).mean(dim=(1, 2))

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        words = self.draws(step, 2 * latent.z[0].numel()).view(self.fleet, 2, *latent.z.shape[1:])
        prior = normal(*words.unbind(1))
        return {
            "regulariser": -self.says(latent.z),
            "critic": self.says(latent.z.detach()) - self.says(prior),
        }

    def players(self) -> dict[str, dict[str, Tensor]]:
        (everybody,) = super().players().values()
        return {
            "loss": {n: p for n, p in everybody.items() if not n.startswith("critic.")},
            "critic": {n: p for n, p in everybody.items() if n.startswith("critic.")},
        }


def stack(kind: type[GaussianVAE] = WassersteinAE, device: str = "cpu") -> Stack:
    source = images_on(torch.device(device), at_size(load_data("mnist"), 32))
    model = kind((32, 32, 1), "small", 4, (3,), ({"beta": 1.0},)).to(device)
    return Stack(model, Batches(source, model, (3,), 8), 1e-3)


def weights(one: Stack) -> dict[str, dict[str, np.ndarray]]:
    """Copies of the weights by player and name."""
    players = one.model.players().items()
    return {player: {n: p.detach().cpu().numpy().copy() for n, p in own.items()} for player, own in players}


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> bool:
    return any((before[n] != a).any() for n, a in after.items())


def test_each_player_is_updated_at_its_own_steps_alone() -> None:
    one = stack()
    for step in range(2 * EVERY):
        before = weights(one)
        moments = {n: one.adam.state[p]["m"].clone() for n, p in one.players["loss"].items()}
        one.update()
        due = step % EVERY == EVERY - 1
        assert moved(before["loss"], weights(one)["loss"]) == due
        assert moved(before["critic"], weights(one)["critic"])
        assert due != all(torch.equal(one.adam.state[p]["m"], moments[n]) for n, p in one.players["loss"].items())


def test_the_critic_gains_while_the_model_stands_still() -> None:
    one = stack()
    start, noise = torch.zeros(1, dtype=torch.int32), one.batches.noise(torch.zeros(1, dtype=torch.int32))
    images = one.batches.images(start)
    first = one.model.losses(images, noise, start)
    for _ in range(EVERY - 1):
        one.update()
    second = one.model.losses(images, noise, start)
    assert torch.equal(first["reconstruction"], second["reconstruction"])
    assert second["critic"] < first["critic"]


def test_a_player_learns_at_a_rate_of_its_own() -> None:
    class Faster(WassersteinAE):
        updates = WassersteinAE.updates | {"critic": Updates(betas=(0.0, 0.9), rate=2)}

    one, two = stack(), stack(Faster)
    before = weights(one)
    one.update()
    two.update()
    for name, start in before["critic"].items():
        steps = [weights(trained)["critic"][name].astype(float) - start for trained in (one, two)]
        np.testing.assert_allclose(steps[1], 2 * steps[0], rtol=1e-3, atol=1e-7)


def test_a_critic_that_diverges_marks_its_model_while_the_models_loss_is_finite() -> None:
    class Diverging(WassersteinAE):
        def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
            terms = super().objective(latent, step)
            return terms | {"critic": terms["critic"] + torch.where(step < 1, 0.0, torch.inf)}

    one = stack(Diverging)
    for _ in range(2):
        one.update(curves=True)
    assert np.isfinite(one.losses()[:, 0, 1]).all()
    assert one.first_bad.tolist() == [2]


def test_a_player_with_a_period_resumes_bit_for_bit_between_its_updates() -> None:
    undisturbed, half, again = stack(), stack(), stack()
    for _ in range(9):
        undisturbed.update(curves=True)
    for _ in range(4):  # one step behind an update of the model
        half.update(curves=True)
    again.resume([half.progress(0)])
    for _ in range(5):
        again.update(curves=True)
    np.testing.assert_array_equal(undisturbed.losses(), again.losses())
    for player, own in weights(undisturbed).items():
        assert not moved(own, weights(again)[player])


def test_a_step_passes_no_value_between_host_and_device(only_on_the_device: Callable[[], None]) -> None:
    one = stack()
    images, noise = torch.zeros(1, 8, 32, 32, 1), torch.zeros(1, 8, 4)
    one.read = lambda step: {"images": images, "noise": noise}
    only_on_the_device()
    one.update()
    one.update(curves=True)
    assert len(one.record) == 1


@pytest.mark.gpu
def test_one_cuda_graph_holds_the_steps_in_which_a_player_is_due_and_those_in_which_it_is_not() -> None:
    set_precision("float32")
    fleet, alone = (Fleet([stack(device=device)], log_every=1000) for device in ("cuda", "cpu"))
    for step in range(5 * EVERY):
        before = weights(fleet.stacks[0])["loss"]
        fleet.update(recorded=False)
        alone.update(recorded=False)
        assert moved(before, weights(fleet.stacks[0])["loss"]) == (step % EVERY == EVERY - 1)
    assert fleet.graph is not None
    assert fleet.graph.graph is not None
    for name, array in alone.state(0).items():
        np.testing.assert_allclose(fleet.state(0)[name], array, rtol=0, atol=2e-3)


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_a_period_is_a_whole_number_from_1(every: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BetaVAE, "updates", {"loss": Updates(every=every)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="every must be a whole number from 1"):
        stack(BetaVAE)
