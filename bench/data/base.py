"""The contract of a data set: a card, images read by index, factors read by index."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.image_contract import as_images, check_shape, check_values
from bench.data.reader import Reader

if TYPE_CHECKING:
    import torch

    from bench.data.sampling.rows import Rows


class DataError(RuntimeError):
    """A data set's file is missing, damaged or not what its card promises; the message names it and the mend."""


@dataclass(frozen=True)
class File:
    """One file a data set is made from, checked before use.

    `own` marks a file of the user's choice, whose checksum no card can know: the one it has when it is first seen is
    kept, and a file with another is not taken for it. So it is with what lies `unpacked` in one of these places, files
    or folders, where the file itself is not there.

    Raises:
        ValueError: no checksum is given, or one is for a file of the user's choice.
    """

    name: str  # below the downloads folder
    sha256: str | None = None
    md5: str | None = None
    urls: tuple[str, ...] = ()
    own: bool = False
    unpacked: tuple[str, ...] = ()  # below the downloads folder

    def __post_init__(self) -> None:
        if self.own and (self.sha256 or self.md5):
            raise ValueError(f"the file {self.name} is the user's own and has a checksum")
        if not (self.own or self.sha256 or self.md5):
            raise ValueError(f"the file {self.name} has no checksum")

    @property
    def checksum(self) -> tuple[str, str] | None:
        """The kind of checksum and its value, ("sha256", "3a22..."); None for a file of the user's choice."""
        if self.own:
            return None
        return ("sha256", self.sha256) if self.sha256 else ("md5", str(self.md5))


@dataclass(frozen=True)
class Card:
    """What is known of a data set: `datasets/cards/NAME.yaml`, typed.

    `factor_sizes` are the numbers of values of each factor. `grid` says that every combination of factor values
    has exactly one image, in row-major order (the last factor fastest). `factor_divisors` say what the numbers of
    values are divided by to be what they stand for, such as 31 for 32 positions from 0 to 1; none: by nothing.
    `categorical` names the factors whose values have no order, such as shape.
    `other_sizes` are sizes at which the data set gives its images (`DataSet.resized`), beside those to which averaging
    blocks of pixels brings them.
    `statistics` are what others published of all images, `mean` and `std` of each channel as `bench.data.statistics`
    computes them, and `within` what they are to be met.

    Raises:
        ValueError: the numbers contradict each other.
    """

    name: str
    title: str
    loader: str
    num_images: int
    image_shape: tuple[int, int, int]  # height, width, channels
    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    grid: bool
    licence: str
    citation: str
    homepage: str
    description: str
    version: int = 1  # raised when a change moves the pixels, or the values of factors
    options: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    factor_divisors: tuple[float, ...] = ()
    categorical: tuple[str, ...] = ()
    other_sizes: tuple[int, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shape(self.image_shape)
        if len(self.factor_names) != len(self.factor_sizes):
            raise ValueError(f"{len(self.factor_names)} factor_names for {len(self.factor_sizes)} factor_sizes")
        if self.factor_divisors and len(self.factor_divisors) != len(self.factor_sizes):
            raise ValueError(f"{len(self.factor_divisors)} factor_divisors for {len(self.factor_sizes)} factor_sizes")
        if wrong := [d for d in self.factor_divisors if isinstance(d, bool) or not 0 < d < math.inf]:
            raise ValueError(f"factor_divisors must be numbers above 0, got {wrong[0]!r}")
        if unknown := [name for name in self.categorical if name not in self.factor_names]:
            raise ValueError(f"categorical names {unknown[0]!r}, which is no factor")
        if self.statistics:
            self._check_statistics()
        if self.grid and math.prod(self.factor_sizes) != self.num_images:
            raise ValueError(f"the factors have {math.prod(self.factor_sizes)} combinations, not {self.num_images}")

    @property
    def without_order(self) -> tuple[bool, ...]:
        """Of each factor, whether its values have no order."""
        return tuple(name in self.categorical for name in self.factor_names)

    def _check_statistics(self) -> None:
        if not {"within"} < self.statistics.keys() <= {"within", "mean", "std"}:
            raise ValueError(f"statistics are within and mean or std, got {', '.join(self.statistics)}")
        for name in self.statistics.keys() - {"within"}:
            if len(self.statistics[name]) != self.image_shape[2]:
                raise ValueError(f"statistics: {name} has {len(self.statistics[name])} numbers, not one a channel")


LOOKED_AT = 256  # images a data set and process whose values are checked


class DataSet(ABC):
    """Images in [0, 1] and their factors, read by index. Subclasses read storage; they hold little in memory.

    Attributes:
        rows: which images training draws, and how often; None: each is equally likely.

    Raises:
        DataError: the card says that factors are no grid, and the subclass does not say what they are.
    """

    looked_at = 0
    rows: "Rows | None" = None

    def __init__(self, card: Card) -> None:
        self.card = card
        if card.factor_sizes and not card.grid and type(self).factors is DataSet.factors:
            raise DataError(
                f"the card of {card.name} says grid: false, so {type(self).__name__} needs a method factors(index): "
                "without a grid nothing tells which image has which"
            )

    def __repr__(self) -> str:
        card = self.card
        factors = ", ".join(f"{n} {size}" for n, size in zip(card.factor_names, card.factor_sizes, strict=True))
        shape = "x".join(map(str, card.image_shape))
        return f"<{card.name}: {len(self):,} images of {shape}; factors {factors or 'unknown'}>"

    def __len__(self) -> int:
        return self.card.num_images

    @abstractmethod
    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        """Images at valid indices; `epoch` is one number for each image. Subclasses implement this.

        They are floats in [0, 1] of the card's shape: `bench.data.image_contract`.
        """

    def resident(self, device: "torch.device") -> Reader | None:
        """A reader that holds the images on a device and makes them there, to the bit as `read` does; None: not made.

        A data set without one trains on a GPU as well, its images read by the CPU in each step, which takes longer.
        """
        return None

    def resized(self, size: int) -> "DataSet":
        """The data set at one of its card's `other_sizes`. Subclasses whose card has some implement this."""
        raise DataError(f"the card of {self.card.name} has other_sizes, so {type(self).__name__} needs resized(size)")

    def images(self, index: ArrayLike, epoch: ArrayLike = 0) -> NDArray[np.float32]:
        """Images (n, height, width, channels), float32 in [0, 1].

        A data set with noise draws it from (its seed, the image's index, `epoch`): epoch 0 is the image that
        codes and pictures are made of, training uses others. `epoch` is one integer or one for each index.

        Raises:
            IndexError: an index is outside the data set.
            DataError: what `read` gives is no such images; the message says what there was, and the mend.
        """
        where = self._checked(index)
        when = np.asarray(epoch).astype(np.int32, casting="same_kind")  # a TypeError for fractions
        return self.batch(where, np.broadcast_to(when, where.shape))

    def batch(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        """What `read` gives for valid indices, held to the contract.

        Raises:
            DataError: it does not keep to it.
        """
        values = self.read(index, epoch)
        try:
            images = as_images(values, len(index), self.card.image_shape)
            if self.looked_at < LOOKED_AT:
                check_values(images)
                self.looked_at += len(images)
        except ValueError as fault:
            raise DataError(f"read() of {self.card.name} ({type(self).__name__}): {fault}") from fault
        return images

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        """Factor values (n, number of factors), each in [0, size of the factor).

        Raises:
            IndexError: an index is outside the data set.
        """
        where = self._checked(index)
        return np.stack(np.unravel_index(where, self.card.factor_sizes), axis=1).astype(np.int64)

    def values(self, index: ArrayLike) -> NDArray[np.float64]:
        """What the factors are worth, (n, number of factors): their classes, divided as the card says.

        A data set whose factors were measured has values that lie anywhere within a class.

        Raises:
            IndexError: an index is outside the data set.
        """
        return self.factors(index) / np.array(self.card.factor_divisors or 1.0)

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Indices (n,) of the images with these factor values (n, number of factors); grid data sets only.

        Raises:
            ValueError: the data set has no grid, or a value is not one of its factor's.
        """
        card, values = self.card, np.asarray(factors)
        if not card.grid:
            raise ValueError(f"{card.name} has no factor grid: many images share the same factors")
        if values.ndim != 2 or values.shape[1] != len(card.factor_sizes) or values.dtype.kind not in "iu":
            raise ValueError(
                f"factors must be integers (n, {len(card.factor_sizes)}), got {values.dtype} {values.shape}"
            )
        for name, size, column in zip(card.factor_names, card.factor_sizes, values.T, strict=True):
            if ((column < 0) | (column >= size)).any():
                raise ValueError(f"{name} of {card.name} has values 0..{size - 1}, got {column.min()}..{column.max()}")
        return np.ravel_multi_index(tuple(values.T), card.factor_sizes).astype(np.int64)

    def choose(self, rng: np.random.Generator, most: int) -> NDArray[np.int64]:
        """Indices of random images as training draws them: `most` different ones, all of them where there are fewer.

        Where some are drawn more often than others, `most`, each by itself.
        """
        if self.rows is None:
            return rng.choice(len(self), min(most, len(self)), replace=False)
        return self.rows.choose(rng, min(most, len(self)))

    def _checked(self, index: ArrayLike) -> NDArray[np.int64]:
        where = np.asarray(index)
        if where.ndim != 1 or where.dtype.kind not in "iu":
            raise IndexError(f"index must be a one-dimensional integer array, got {where.dtype} {where.shape}")
        if len(where) and (where.min() < 0 or where.max() >= len(self)):
            raise IndexError(f"{self.card.name} has images 0..{len(self) - 1}, got {where.min()}..{where.max()}")
        return where.astype(np.int64, copy=False)
