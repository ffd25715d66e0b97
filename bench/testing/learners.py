"""The contract of a metric of models, checked on small learners, some without a variance or without logits."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import SkippedError
from bench.models.base import Codes, Images, Learner, State
from bench.scoring.returned import ScoreError, checked
from bench.scoring.runs import called, cells
from bench.testing.samples import NOISY, PROTOCOL, are_close, declared, is_valid, sample_factors

SIZE = 8  # pixels a side; a code is the mean of each quarter of the image
SIZES = (3, 4, 5)  # of the factors: the brightness of three quarters
MOST = 1_000  # images that a metric may read at once


class QuarterCode(Learner):
    """Codes are the mean of each quarter of an image; they are decoded to quarters of constant brightness.

    Args:
        channels: of the images.
        deterministic: whether codes have no variance.
        bernoulli: whether the decoder returns logits.
    """

    def __init__(self, channels: int = 1, *, deterministic: bool = False, bernoulli: bool = True) -> None:
        self.channels, self.deterministic, self.bernoulli = channels, deterministic, bernoulli

    def encode(self, images: Images) -> tuple[Codes, Codes | None]:
        half = SIZE // 2
        quarters = images.reshape(len(images), 2, half, 2, half, -1).mean(axis=(2, 4, 5)).reshape(len(images), 4)
        mean = (8 * quarters - 4).astype(np.float32)
        return mean, None if self.deterministic else np.full_like(mean, -4)

    def decode(self, codes: Codes) -> Images:
        return (1 / (1 + np.exp(-self._quarters(codes)))).astype(np.float32)

    def logits(self, codes: Codes) -> Images | None:
        return self._quarters(codes) if self.bernoulli else None

    def state(self) -> State:
        return {}

    def load(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """There is nothing to load."""

    def _quarters(self, codes: Codes) -> Images:
        half = SIZE // 2
        quarters = codes.astype(np.float32).reshape(-1, 2, 2, 1)
        return quarters.repeat(half, axis=1).repeat(half, axis=2).repeat(self.channels, axis=3)


class _FewAtOnce:
    """Images that fail when more than `MOST` of them are read at once."""

    def __init__(self, images: Images) -> None:
        self.images, self.shape = images, images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, where: Any) -> Images:
        chosen = self.images[where]
        assert chosen.ndim < 4 or len(chosen) <= MOST, f"{len(chosen)} images were read at once: see base.batches"
        return chosen

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Images:
        return self[:]


def sample_images(rows: int, channels: int = 1) -> tuple[Images, NDArray[np.int64]]:
    """Noisy images (rows, 8, 8, channels), three factors being the brightness of three quarters, and the factors."""
    factors = sample_factors(rows, sizes=SIZES)
    brightness = np.zeros((rows, 4))
    brightness[:, :3] = 0.1 + 0.8 * factors / (np.array(SIZES) - 1)
    quarters = brightness.reshape(rows, 2, 2, 1).repeat(SIZE // 2, axis=1).repeat(SIZE // 2, axis=2)
    images = quarters.repeat(channels, axis=3)
    noise = np.random.default_rng(0).normal(0, 0.05, size=images.shape)
    return np.clip(images + noise, 0, 1).astype(np.float32), factors


def model_values(name: str, model: Learner, images: Any, factors: NDArray[np.int64]) -> dict[str, float]:
    """The unchecked scores of a learner and images."""
    returned = _returned(name, model, images, factors)
    return {key: float(value) for key, value in returned.items()}


def _returned(name: str, model: Learner, images: Any, factors: NDArray[np.int64]) -> Any:
    (cell,) = cells([name], PROTOCOL)
    arguments = [model, images, factors] if declared(name).min_factors else [model, images]
    return called(cell, arguments, "seed 0")


def what_it_returns_is_taken_by_the_scoring_stage(name: str) -> None:
    """A dict of declared names, with existing factors, to numbers in their range."""
    images, factors = sample_images(300)
    try:
        checked(declared(name), _returned(name, QuarterCode(), images, factors), len(SIZES))
    except ScoreError as fault:
        raise AssertionError(str(fault)) from fault


def the_same_seed_gives_the_same_value(name: str) -> None:
    """Bit for bit, and the metric does not change the images."""
    images, factors = sample_images(300)
    before = images.copy()
    first, second = (model_values(name, QuarterCode(), images, factors) for _ in range(2))
    assert first == second, "two calls differ"
    assert (images == before).all(), "the images were changed"


def the_order_of_images_does_not_matter(name: str) -> None:
    """Up to sampling and rounding."""
    images, factors = sample_images(300)
    order = np.random.default_rng(3).permutation(len(images))
    within = NOISY if declared(name).seeded else 1e-4  # sums of 32-bit numbers
    backwards = model_values(name, QuarterCode(), images[order], factors[order])
    are_close(model_values(name, QuarterCode(), images, factors), backwards, within)


def images_are_read_a_few_at_a_time(name: str) -> None:
    """Images of a study need not fit into memory."""
    images, factors = sample_images(2 * MOST)
    model_values(name, QuarterCode(), _FewAtOnce(images), factors)


def learners_that_lack_a_part_give_valid_scores_or_a_reason(name: str) -> None:
    """Without a variance, without logits, without both."""
    for deterministic, bernoulli in ((True, True), (False, False), (True, False)):
        case = f"a learner {'without' if deterministic else 'with'} a variance and "
        case += f"{'with' if bernoulli else 'without'} logits"
        _valid_or_reason(name, case, QuarterCode(deterministic=deterministic, bernoulli=bernoulli), *sample_images(100))


def few_and_coloured_images_give_valid_scores_or_a_reason(name: str) -> None:
    """One image, ten images, ten equal images, and images of three channels."""
    images, factors = sample_images(10)
    _valid_or_reason(name, "one image", QuarterCode(), images[:1], factors[:1])
    _valid_or_reason(name, "ten images", QuarterCode(), images, factors)
    _valid_or_reason(name, "ten equal images", QuarterCode(), images[[0] * 10], factors[[0] * 10])
    _valid_or_reason(name, "coloured images", QuarterCode(3), *sample_images(100, channels=3))


def _valid_or_reason(name: str, case: str, model: Learner, images: Images, factors: NDArray[np.int64]) -> None:
    try:
        scores = model_values(name, model, images, factors)
    except SkippedError as reason:
        assert str(reason), f"of {case}: no reason is given"
    else:
        is_valid(name, scores, case)


CHECKS: tuple[Callable[[str], None], ...] = (
    the_same_seed_gives_the_same_value,
    the_order_of_images_does_not_matter,
    what_it_returns_is_taken_by_the_scoring_stage,
    images_are_read_a_few_at_a_time,
    learners_that_lack_a_part_give_valid_scores_or_a_reason,
    few_and_coloured_images_give_valid_scores_or_a_reason,
)
