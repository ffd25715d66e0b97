"""The contract of a model: a learner that encodes images to codes and decodes codes to images.

`bench/models/NAME.py` defines one class under `@model()`; `conf/model/NAME.yaml` holds its version, its
hyper-parameters and the values that its strength sweeps. A learner that is fitted directly derives from `Fitted`; one
trained by gradient steps derives from `bench.models.parts.stacked.Stacked`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataSet

Images = NDArray[np.float32]
Codes = NDArray[np.float32]
State = dict[str, NDArray[np.float32]]


class ModelError(ValueError):
    """A model cannot be built or trained with these settings or data; the message names the hyper-parameter."""


@dataclass(frozen=True)
class Model:
    """The registry's entry of a class."""

    name: str


C = TypeVar("C", bound=type)


def model() -> Callable[[C], C]:
    """Register a class as the model with the name of its file: sets `cls.model` on this class alone."""

    def attach(cls: C) -> C:
        cls.model = Model(cls.__module__.rpartition(".")[2])  # type: ignore[attr-defined]
        return cls

    return attach


class Learner(ABC):
    """A learned representation of images."""

    @abstractmethod
    def encode(self, images: Images) -> tuple[Codes, Codes | None]:
        """Mean and log-variance (n, D) of the codes of images (n, height, width, channels); None: no variance."""

    @abstractmethod
    def decode(self, codes: Codes) -> Images:
        """Images (n, height, width, channels) in [0, 1] of codes (n, D)."""

    def logits(self, codes: Codes) -> Images | None:
        """Logits of the Bernoulli distribution of each pixel given codes (n, D); None: codes alone do not define it."""
        return None

    @abstractmethod
    def state(self) -> State:
        """Every learned array by name, as `load` takes them."""

    @abstractmethod
    def load(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore learned arrays.

        Raises:
            ModelError: a name or shape does not belong to this model.
        """


class Fitted(Learner):
    """A learner that is fitted to a data set without gradient steps, in closed form or by iteration.

    `names` are its learned arrays, which `fit` stores in `self.arrays`; `self.hyper` are its hyper-parameters.
    """

    names: tuple[str, ...]

    def __init__(self, image_shape: tuple[int, int, int], **hyper: float) -> None:
        self.image_shape = image_shape
        self.hyper = hyper
        self.arrays: State = {}

    def __repr__(self) -> str:
        hyper = ", ".join(f"{name}={value!r}" for name, value in self.hyper.items())
        return f"{type(self).__name__}(image_shape={self.image_shape}, {hyper})"

    @abstractmethod
    def fit(self, data: DataSet, seed: int) -> None:
        """Learn from a data set; every random choice comes from the seed."""

    def sample(self, data: DataSet, rng: np.random.Generator) -> Images:
        """`num_images` random images drawn as in training, or all if there are fewer: (count, pixels)."""
        chosen = data.choose(rng, int(self.hyper["num_images"]))
        return data.images(chosen).reshape(len(chosen), -1)

    def state(self) -> State:
        return self.arrays

    def load(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        if set(state) != set(self.names):
            raise ModelError(
                f"these weights are of another model: {', '.join(sorted(state))}, not {', '.join(self.names)}"
            )
        self.arrays = dict(state)
