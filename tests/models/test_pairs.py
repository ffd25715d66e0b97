"""Pairs share all factors but as many as asked for, as often as the definition says, wherever and whenever drawn."""

import json
import math
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from bench import registry
from bench.data.reader import DeviceImages
from bench.models.base import ModelError
from bench.models.parts.pairs import factors_of, partner_rows, rows_of
from bench.models.parts.possible_pairs import check_moves, check_pairs
from bench.study.run import PAIRS
from bench.training.batches import Batches

GOLDEN = Path(__file__).parents[1] / "golden"
ENTRIES = json.loads((GOLDEN / "weak_objectives.json").read_text())["entries"]
ARRAYS = np.load(GOLDEN / "weak_objectives.npz")
SIZES = (3, 1, 4, 5)  # one of them never changes
CPU = torch.device("cpu")


def batches(changes: float, seeds: tuple[int, ...] = (3,), batch: int = 4000, rule: str = "paper") -> Batches:
    """Rows of a grid; its images are its row numbers."""
    hyper = [{"beta": 1.0, "changes": changes, "rate": 1.0}] * len(seeds)
    model = registry.load("models", "ada_gvae")((32, 32, 1), "small", 2, seeds, hyper, pairs=rule)
    rows = DeviceImages(lambda index, epoch: index.view(-1, 1, 1, 1).float(), math.prod(SIZES), CPU, True, SIZES)
    return Batches(rows, model, seeds, batch)


def pairs(changes: float, steps: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Factors of first and second images, each (pairs, F)."""
    drawn = batches(changes)
    rows = [drawn.index(torch.tensor([step], dtype=torch.int32)).view(2, -1) for step in range(steps)]
    first, second = torch.cat(rows, dim=1)
    return factors_of(first, SIZES).numpy(), factors_of(second, SIZES).numpy()


def partners(
    rule: str, start: tuple[int, ...] | torch.Tensor, sizes: tuple[int, ...], draws: int, **hyper: float
) -> np.ndarray:
    """Factors (draws, F) of images that go with one, or with as many, images; the first factor has no order."""
    index = rows_of(torch.as_tensor(start), sizes).expand(1, draws)
    random = np.random.default_rng(0)

    def words(count: int) -> torch.Tensor:
        return torch.from_numpy(random.integers(-(2**31), 2**31, (1, draws, count)).astype(np.int32))

    of_models = {name: torch.tensor([value]) for name, value in hyper.items()}
    categorical = (True, *[False] * (len(sizes) - 1))
    return factors_of(partner_rows(rule, index, words, of_models, sizes, categorical), sizes)[0].numpy()


def same_as_expected(found: np.ndarray, expected: dict[tuple[int, ...], float]) -> None:
    """Hold factors that were drawn to the probability of each combination; rare ones are counted together."""
    keys = [key for key, p in expected.items() if p * len(found) >= 5]
    drawn, numbers = np.unique(found, axis=0, return_counts=True)
    counted = dict(zip(map(tuple, drawn.tolist()), numbers.tolist(), strict=True))
    assert counted.keys() <= {key for key, p in expected.items() if p > 0}
    counts = np.array([counted.get(key, 0) for key in keys] + [0.0])
    chances = np.array([expected[key] for key in keys] + [0.0])
    counts[-1], chances[-1] = len(found) - counts.sum(), 1 - chances.sum()
    few = chances * len(found) < 5
    assert chance(counts[~few], chances[~few]) > 1e-3


def redrawn(
    start: tuple[int, ...], changes: int, *, or_one: bool = False, keeps: bool = True
) -> dict[tuple[int, ...], float]:
    """Probability of each partner by the rule of Locatello et al. 2020, or by disentanglement_lib's, by counting.

    Unless it `keeps` values, a factor that is drawn has another one.
    """
    numbers = range(1, len(start)) if changes < 1 else [changes]
    expected = dict.fromkeys(product(*map(range, SIZES_3)), 0.0)
    for number in numbers:
        for drawn in (1 if or_one else number, number):
            sets = list(combinations(range(len(start)), drawn))
            for chosen in sets:
                others = [[v for v in range(size) if keeps or v != start[i]] for i, size in enumerate(SIZES_3)]
                values = [others[i] if i in chosen else [start[i]] for i in range(len(start))]
                ends = list(product(*values))
                for end in ends:
                    expected[end] += 1 / len(numbers) / 2 / len(sets) / len(ends)
    return expected


def moved(start: tuple[int, ...], rate: float) -> dict[tuple[int, ...], float]:
    """Probability of each partner by SlowVAE's rule, by its definition; the first factor has no order."""
    stay, go = [], []
    for value, size in zip(start[1:], SIZES_3[1:], strict=True):
        p = np.exp(-rate * np.abs(np.arange(size) - value) / np.log(size))
        other = np.where(np.arange(size) == value, 0, p)
        stay.append(p / p.sum())
        go.append(other / other.sum())
    expected = {}
    none = math.prod(p[v] for p, v in zip(stay, start[1:], strict=True))
    for end in product(*map(range, SIZES_3[1:])):
        differing = [i for i in range(len(end)) if end[i] != start[1 + i]]
        p = math.prod(p[v] for p, v in zip(stay, end, strict=True)) if differing else 0
        if len(differing) == 1:
            p += none / len(end) * go[differing[0]][end[differing[0]]]
        expected[start[0], *end] = p
    return expected


def chance(counts: np.ndarray, expected: np.ndarray) -> float:
    return float(stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue)


def test_rows_and_factors_are_each_others_inverse_and_row_major() -> None:
    rows = torch.arange(math.prod(SIZES))[None]
    factors = factors_of(rows, SIZES)
    assert torch.equal(rows_of(factors, SIZES), rows)
    np.testing.assert_array_equal(factors[0].numpy(), np.stack(np.unravel_index(rows[0].numpy(), SIZES), axis=1))


@pytest.mark.parametrize("changes", [1, 2])
def test_exactly_as_many_factors_change_as_asked_for_each_set_equally_often(changes: int) -> None:
    first, second = pairs(changes)
    changed = first != second
    assert set(changed.sum(axis=1)) == {changes}
    assert not changed[:, 1].any()
    _, counts = np.unique(changed, axis=0, return_counts=True)
    assert len(counts) == math.comb(3, changes)
    assert chance(counts, np.ones(len(counts))) > 1e-3


def test_any_number_from_one_to_all_but_one_is_equally_likely() -> None:
    first, second = pairs(-1)
    numbers, counts = np.unique((first != second).sum(axis=1), return_counts=True)
    assert list(numbers) == [1, 2]
    assert chance(counts, np.ones(2)) > 1e-3


def test_a_changed_factor_takes_each_other_value_equally_often_whatever_its_own() -> None:
    first, second = pairs(1)
    changed = first[:, 3] != second[:, 3]
    moves = (second[changed, 3] - first[changed, 3]) % 5
    for own in range(5):
        counts = np.bincount(moves[first[changed, 3] == own], minlength=5)
        assert counts[0] == 0
        assert chance(counts[1:], np.ones(4)) > 1e-3


SIZES_3 = (3, 4, 5)


@pytest.mark.parametrize("changes", [-1, 1, 2])
def test_factors_that_change_take_each_other_value_as_often_whichever_change(changes: int) -> None:
    start = (2, 0, 3)
    same_as_expected(partners("paper", start, SIZES_3, 20_000, changes=changes), redrawn(start, changes, keeps=False))


@pytest.mark.parametrize("changes", [-1, 1, 2])
def test_pairs_of_disentanglement_lib_are_drawn_as_often_as_its_rule_says(changes: int) -> None:
    start = (2, 0, 3)
    same_as_expected(partners("dlib", start, SIZES_3, 20_000, changes=changes), redrawn(start, changes, or_one=True))


@pytest.mark.parametrize("changes", [-1, 1, 2])
def test_resampled_factors_may_keep_their_values_and_never_more_than_asked_for_differ(changes: int) -> None:
    start = (2, 0, 3)
    found = partners("resampled", start, SIZES_3, 20_000, changes=changes)
    same_as_expected(found, redrawn(start, changes))
    assert (found != start).sum(axis=1).max() == (changes if changes > 0 else 2)


@pytest.mark.parametrize("changes", [-1, 1, 2])
def test_as_many_factors_differ_as_by_disentanglement_lib_on_dsprites(changes: int) -> None:
    sizes = (3, 6, 40, 32, 32)
    found = partners("dlib", (1, 5, 7, 31, 0), sizes, 20_000, changes=changes) != np.array([1, 5, 7, 31, 0])
    expected = ARRAYS[ENTRIES[f"dlib/pairs/dsprites/k={changes}"]["arrays"]["p_changed_expected"]]
    counts = np.bincount(found.sum(axis=1), minlength=6)
    assert not counts[expected == 0].any()
    assert chance(counts[expected > 0], expected[expected > 0]) > 1e-3


@pytest.mark.parametrize("rate", [0.5, 1, 6])
@pytest.mark.parametrize("start", [(2, 0, 3), (0, 2, 4)])
def test_laplace_pairs_are_drawn_as_often_as_the_definition_says(start: tuple[int, ...], rate: float) -> None:
    same_as_expected(partners("laplace", start, SIZES_3, 20_000, rate=rate), moved(start, rate))


def test_laplace_pairs_of_any_rate_are_those_of_rates_drawn_from_1_to_10() -> None:
    start, rates = (2, 0, 3), np.linspace(1, 10, 2001)
    every = [moved(start, (low + high) / 2) for low, high in pairwise(rates)]
    expected = {end: float(np.mean([p[end] for p in every])) for end in every[0]}
    same_as_expected(partners("laplace", start, SIZES_3, 20_000, rate=-1), expected)


@pytest.mark.parametrize(
    ("rule", "name"), [("uniform", "uniform_rate=-1"), ("laplace", "laplace_rate=1"), ("laplace", "laplace_rate=-1")]
)
def test_as_many_factors_differ_as_by_the_code_of_slow_vae(rule: str, name: str) -> None:
    sizes, entry, draws = (3, 6, 8, 8, 8), ENTRIES[f"slowvae/pairs/grid/{name}"], 20_000
    rows = torch.from_numpy(np.random.default_rng(1).integers(0, math.prod(sizes), draws))
    start = factors_of(rows, sizes)
    hyper = {"rate": entry["constants"]["rate"]} if rule == "laplace" else {}
    differ = partners(rule, start, sizes, draws, **hyper) != start.numpy()
    numbers = np.bincount(differ.sum(axis=1), minlength=6) / draws
    for found, key in ((numbers, "p_changed"), (differ.mean(axis=0), "p_factor_changed")):
        theirs = ARRAYS[entry["arrays"][key]]
        error = np.sqrt(theirs * (1 - theirs) * (1 / draws + 1 / entry["constants"]["draws"]))
        assert (np.abs(found - theirs) <= 4 * error).all()


def test_uniform_pairs_are_the_papers_of_any_number() -> None:
    step = torch.tensor([4], dtype=torch.int32)
    assert torch.equal(batches(1, rule="uniform").index(step), batches(-1).index(step))
    assert (batches(1, rule="uniform").index(step) != batches(1).index(step)).any()


def test_first_images_are_those_of_a_model_without_pairs() -> None:
    paired, model = (
        batches(1, batch=8),
        registry.load("models", "beta_vae")((32, 32, 1), "small", 2, (3,), ({"beta": 1},)),
    )
    single = Batches(paired.source, model, (3,), 8)
    step = torch.tensor([7], dtype=torch.int32)
    assert torch.equal(paired.index(step)[:, :8], single.index(step))
    assert paired.images(step).shape[:2] == paired.noise(step).shape[:2] == (1, 16)


@pytest.mark.parametrize("rule", PAIRS)
def test_pairs_depend_on_seed_and_step_alone(rule: str) -> None:
    seven, eight = (torch.tensor([step], dtype=torch.int32) for step in (7, 8))
    together, alone = batches(-1, (1, 2), rule=rule), batches(-1, (2,), rule=rule)
    assert torch.equal(together.index(seven)[1], alone.index(seven)[0])
    assert torch.equal(alone.index(seven), batches(-1, (2,), rule=rule).index(seven))
    assert (alone.index(seven) != alone.index(eight)).any()


@pytest.mark.parametrize(
    ("changes", "sizes", "message"),
    [
        (1, (), "the data set has no factor grid"),
        (1, (5, 1), "pairs that share some factors and not others: the data set has 1 that vary"),
        (3, SIZES, "from 1 to 2, for 3 factors vary, or -1 for any of these, got 3"),
        (0, SIZES, "got 0"),
        (1.5, SIZES, "got 1.5"),
        (float("nan"), SIZES, "got nan"),
    ],
)
def test_pairs_that_a_data_set_cannot_give_are_refused(changes: float, sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_pairs("ada_gvae", [changes], sizes)
    check_pairs("ada_gvae", [-1, 1, 2], SIZES)


@pytest.mark.parametrize(
    ("rate", "sizes", "categorical", "message"),
    [
        (1, (), (), "the data set has no factor grid"),
        (1, (5, 1), (True, False), "the data set has no ordered factor"),
        (0, SIZES, (), "rate must be above 0, or -1 for any from 1 to 10, got 0"),
        (math.inf, SIZES, (), "got inf"),
    ],
)
def test_moves_that_a_data_set_cannot_give_are_refused(
    rate: float, sizes: tuple[int, ...], categorical: tuple[bool, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        check_moves("slow_vae", [rate], sizes, categorical)
    check_moves("slow_vae", [-1, 1.5], (5, 1), (False, True))


def test_a_model_learns_which_factors_changed() -> None:
    model = registry.load("models", "gvae")((32, 32, 1), "small", 4, (3, 4), [{"beta": 1.0, "changes": 1}] * 2)
    rows = DeviceImages(lambda index, epoch: index.view(-1, 1, 1, 1).float(), math.prod(SIZES), CPU, True, SIZES)
    drawn, step = Batches(rows, model, (3, 4), 8), torch.tensor([7], dtype=torch.int32)
    read = drawn.read(step)
    assert torch.equal(read["factors"], factors_of(drawn.index(step), SIZES))
    first, second = read["factors"].chunk(2, dim=1)
    assert ((first != second).sum(dim=2) == 1).all()
