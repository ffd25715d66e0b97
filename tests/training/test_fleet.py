"""A model trains the same alone, in any fleet, in any slot of any stack, and across a kill and a resume."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest
import torch
import yaml

from bench import registry
from bench.data.base import Card, DataSet
from bench.data.reader import images_on
from bench.models.parts.draws import Draws
from bench.models.parts.stacked import Stacked
from bench.store import shipped
from bench.training.batches import Batches
from bench.training.fleet import EveryMacroStep, Fleet, fit
from bench.training.stack import Progress, Stack, set_precision

pytestmark = pytest.mark.long  # left out of `make check`

# relative, of all weights after STEPS in one stack: products of another shape round otherwise, and Adam enlarges
# the difference where gradients are tiny
TOLERANCE = 1e-3
# of an objective that jumps: rounding decides for one pair in hundreds whether it shares a dimension; and of two
# players who answer each other: initial weights that are changed by 1e-6 give weights that differ by 5e-3
TOLERANCES = {"ada_gvae": 1e-2, "infogan": 2e-2}
CARD = Card("toy", "Toy", "toy", 64, (32, 32, 1), ("row", "column"), (8, 8), True, "", "", "", "", 1)
# the denoising autoencoder, Ada-GVAE and GVAE do all that these do
SIMPLER = {"autoencoder", "sparse_autoencoder", "ada_ml_vae", "ml_vae"}
GRADIENT_MODELS = [
    n for n in registry.names("models") if issubclass(registry.load("models", n), Stacked) and n not in SIMPLER
]
# models whose parts others here have too: of these two properties are tested by hand, with -m slow
COSTLY = {"dc_ign", "gvae", "hfs", "infogan", "qlae", "slow_vae"}
BY_HAND_THE_REST = [pytest.param(n, marks=pytest.mark.slow) if n in COSTLY else n for n in GRADIENT_MODELS]
SEEDS = [5, 0, 9]
STEPS = 10  # two macro-steps
CPU = torch.device("cpu")


class Toy(DataSet):
    """A bright square that moves over an 8x8 grid, with noise of the epoch."""

    def read(self, index: np.ndarray, epoch: np.ndarray) -> np.ndarray:
        images = np.zeros((len(index), 32, 32, 1), np.float32)
        for image, (row, column), use in zip(images, self.factors(index), epoch, strict=True):
            image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1 / (1 + use % 3)
        return images


Hyper = Sequence[dict[str, float]]


def new_stack(
    name: str, seeds: Sequence[int], hyper: Hyper, rate: float = 1e-3, precision: str = "float32", way: str = "grouped"
) -> Stack:
    model = registry.load("models", name)((32, 32, 1), "small", 6, seeds, hyper, way)
    return Stack(model, Batches(images_on(CPU, Toy(CARD)), model, seeds, 8), rate, precision)


def new_fleet(name: str, seeds: Sequence[int], hyper: Hyper, rate: float = 1e-3) -> Fleet:
    """One stack."""
    return Fleet([new_stack(name, seeds, hyper, rate)], log_every=5)


def run_to(fleet: Fleet, steps: int, save: Callable[[int, Progress], None] = lambda k, p: None) -> Fleet:
    fit(fleet, steps, "cpu", EveryMacroStep(10, save, lambda step, losses: None), macro_step=5)
    return fleet


def settings(name: str, count: int) -> list[dict[str, float]]:
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{name}.yaml").read_text())
    values = [{entry["sweeps"]: v} for v in entry["values"]] if entry["sweeps"] else [{}]
    if name == "deep_vae":
        values = values[1:2]  # a stack has one depth
    return [entry["hyper"] | values[i % len(values)] for i in range(count)]


@cache
def alone(name: str) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """The weights and losses of three members of a model, each trained by itself."""
    members = [new_fleet(name, [s], [h]) for s, h in zip(SEEDS, settings(name, 3), strict=True)]
    return [(run_to(fleet, STEPS).state(0), fleet.losses()[:, 0]) for fleet in members]


def relative_difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    first, second = (np.concatenate([w[n].ravel() for n in a]) for w in (a, b))
    return float(np.linalg.norm(first - second) / np.linalg.norm(first))


def largest_difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    return max(float(np.abs(a[n] - b[n]).max()) for n in a)


@pytest.mark.parametrize("name", GRADIENT_MODELS)
def test_a_member_of_a_stack_trains_as_if_alone(name: str) -> None:
    together, tolerance = run_to(new_fleet(name, SEEDS, settings(name, 3)), STEPS), TOLERANCES.get(name, TOLERANCE)
    for k, (weights, losses) in enumerate(alone(name)):
        assert relative_difference(weights, together.state(k)) < tolerance
        np.testing.assert_allclose(losses[:, 1:3], together.losses()[:, k, 1:3], rtol=tolerance)


@pytest.mark.parametrize("name", BY_HAND_THE_REST)
def test_a_stack_of_its_own_trains_bit_for_bit_as_alone_in_any_fleet_slot_and_order(name: str) -> None:
    hyper, order = settings(name, 3), [2, 0, 1]
    fleet = run_to(Fleet([new_stack(name, [SEEDS[i]], [hyper[i]]) for i in order], log_every=5), STEPS)
    for k, i in enumerate(order):
        weights, losses = alone(name)[i]
        assert largest_difference(weights, fleet.state(k)) == 0
        np.testing.assert_array_equal(losses, fleet.losses()[:, k])


@pytest.mark.parametrize("name", BY_HAND_THE_REST)
def test_a_killed_fleet_resumes_bit_for_bit(name: str) -> None:
    hyper, seeds = settings(name, 1), [3]
    saved: list[Progress] = []
    undisturbed = run_to(new_fleet(name, seeds, hyper), 2 * STEPS, lambda k, p: saved.append(p))
    resumed = new_stack(name, seeds, hyper)
    resumed.resume([saved[0]])
    assert saved[0].step == STEPS
    continued = run_to(Fleet([resumed], log_every=5), 2 * STEPS)
    assert largest_difference(undisturbed.state(0), continued.state(0)) == 0
    np.testing.assert_array_equal(undisturbed.losses(), continued.losses())


def test_a_poisoned_member_is_marked_and_leaves_the_others_bitwise_unchanged() -> None:
    hyper = [{"beta": 1.0}, {"beta": 2.0}, {"beta": 4.0}]
    healthy = run_to(new_fleet("beta_vae", [0, 1, 2], hyper), 20)
    poisoned = new_fleet("beta_vae", [0, 1, 2], [hyper[0], {"beta": float("nan")}, hyper[2]])
    saved: list[int] = []
    run_to(poisoned, 20, lambda k, p: saved.append(k))
    assert list(poisoned.failed) == [-1, 1, -1]
    assert set(saved) == {0, 2}
    for k in (0, 2):
        assert largest_difference(healthy.state(k), poisoned.state(k)) == 0


def test_each_player_of_factor_vae_follows_its_own_loss_alone() -> None:
    stack = new_stack("factor_vae", [0], settings("factor_vae", 1))
    before = {n: w.detach().clone() for n, w in stack.weights.items()}
    start = stack.clock.clone()
    stack.update()
    for player, weights in stack.players.items():
        expected = new_stack("factor_vae", [0], settings("factor_vae", 1))
        losses = expected.model.losses(expected.batches.images(start), expected.batches.noise(start), start)
        own = expected.players[player]
        for (name, weight), gradient in zip(
            weights.items(), torch.autograd.grad(losses[player].sum(), list(own.values())), strict=True
        ):
            assert torch.equal(weight.grad, gradient)
            assert gradient.any() == (weight.detach() != before[name]).any()


def test_what_a_model_draws_for_itself_is_compiled_beside_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, compile_module = [], Draws.compile

    def without_a_backend(draws: Draws, **options: bool) -> None:
        compiled.append(draws)
        compile_module(draws, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", lambda read, **_: read)
    monkeypatch.setattr(Draws, "compile", without_a_backend)
    plain = new_stack("factor_vae", [0, 3], settings("factor_vae", 2))
    model = new_stack("factor_vae", [0, 3], settings("factor_vae", 2)).model
    stack = Stack(model, plain.batches, 1e-3, compiled=True)
    assert compiled == [model.shuffle.draws]
    for each in (plain, stack):
        each.update()
    assert all(torch.equal(plain.weights[name], stack.weights[name]) for name in plain.weights)


def test_training_stops_when_every_member_has_failed() -> None:
    fleet = run_to(new_fleet("beta_vae", [0], [{"beta": float("nan")}]), 100)
    assert fleet.step < 100


def test_training_lowers_the_loss() -> None:
    losses = run_to(new_fleet("beta_vae", [0], [{"beta": 1.0}], rate=3e-3), 150).losses()[:, 0, 1]
    assert losses[-1] < 0.6 * losses[0]


def test_every_way_to_convolve_trains_the_same_weights() -> None:
    hyper, seeds = settings("beta_vae", 2), [5, 0]
    grouped, matmul = (
        run_to(Fleet([new_stack("beta_vae", seeds, hyper, way=w)], log_every=5), STEPS) for w in ("grouped", "matmul")
    )
    for k in (0, 1):
        assert relative_difference(grouped.state(k), matmul.state(k)) < TOLERANCE


def test_adam_updates_weights_of_any_memory_layout_as_the_formula_says() -> None:
    stack = new_stack("beta_vae", [0], settings("beta_vae", 1))
    before = {n: w.detach().clone() for n, w in stack.weights.items()}
    stack.update()
    for name, weight in stack.weights.items():
        gradient = weight.grad.double()
        m, v = 0.1 * gradient, 0.001 * gradient**2
        expected = before[name] - 1e-3 * 0.001**0.5 / 0.1 * m / (v.sqrt() + 1e-8)
        torch.testing.assert_close(weight.detach().double(), expected, rtol=0, atol=1e-7)


def test_bfloat16_reduces_the_inner_layers_alone() -> None:
    hyper = settings("beta_vae", 1)
    exact, reduced = (new_stack("beta_vae", [0], hyper, precision=p) for p in ("float32", "bfloat16"))
    for stack in (exact, reduced):
        for _ in range(5):
            stack.update(curves=True)
    assert all(w.dtype == torch.float32 for w in reduced.weights.values())
    np.testing.assert_allclose(reduced.losses()[..., 1], exact.losses()[..., 1], rtol=0.01)
    assert (reduced.losses()[..., 1] != exact.losses()[..., 1]).any()


def test_batches_depend_on_seed_and_step_alone() -> None:
    pair, single = (new_stack("beta_vae", s, settings("beta_vae", len(s))).batches for s in ([1, 2], [2]))
    seven, eight = (torch.tensor([step], dtype=torch.int32) for step in (7, 8))
    assert torch.equal(pair.index(seven)[1], single.index(seven)[0])
    assert torch.equal(pair.noise(seven)[1], single.noise(seven)[0])
    assert torch.equal(pair.images(seven)[1], single.images(seven)[0])
    assert (pair.index(seven) != pair.index(eight)).any()
    assert (pair.index(seven)[0] != pair.index(seven)[1]).any()


@pytest.mark.parametrize(("precision", "rounds"), [("tf32", True), ("float32", False), ("bfloat16", False)])
def test_factors_are_rounded_to_tf32_only_where_that_is_asked_for(
    precision: str, rounds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not rounds)
    set_precision(precision)
    assert torch.backends.cudnn.allow_tf32 == rounds
    assert (torch.get_float32_matmul_precision() != "highest") == rounds
    torch.set_float32_matmul_precision(before)
