"""The contract of a data set: a card, images read by index, factors read by index."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.image_contract import as_images, check_shape, check_values
from bench.data.reader import Reader
from bench.store.record_types import is_line
from bench.values import counted

if TYPE_CHECKING:
    import torch

    from bench.data.sampling.rows import Rows


def is_factor_name(value: object) -> bool:
    """Whether a factor may have this name: records and tables hold it."""
    return isinstance(value, str) and is_line(value) and "/" not in value and value.strip() != ""


class DataError(RuntimeError):
    """A file of a data set is missing, damaged or does not match its card; the message names it and the mend."""


@dataclass(frozen=True)
class File:
    """One file of a data set, which is verified before use.

    `own` marks a file of the user's choice, whose checksum no card can know: its checksum is recorded when it is first
    used, and a file with another checksum is refused later. `unpacked` lists files or folders that may stand in for the
    file; their checksums are recorded the same way.

    Raises:
        ValueError: the checksum is missing, or a file of the user's choice has one.
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
    """The description of a data set, `datasets/cards/NAME.yaml`, typed.

    `factor_sizes` are the numbers of values of each factor. `grid`: every combination of factor values has exactly one
    image, in row-major order (the last factor fastest). `factor_divisors` convert classes to values: a factor's class
    is divided by its divisor, such as 31 for 32 positions from 0 to 1; empty: by 1. `categorical` names the factors
    whose values have no order, such as shape. `other_sizes` are sizes at which the data set gives its images
    (`DataSet.resized`), beside those to which averaging blocks of pixels brings them. `statistics` holds published
    numbers about all images: `mean` and `std` of each channel as `bench.data.statistics` computes them, and the
    tolerance `within`.

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
        if type(self.version) is not int or self.version < 1:
            raise ValueError(f"version must be an integer from 1, got {self.version!r}")
        names = self.factor_names
        if type(names) is not tuple or len(set(names)) < len(names) or not all(map(is_factor_name, names)):
            raise ValueError(f"factor_names must be different names without / and markup, got {names!r}")
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
        """For each factor, whether its values have no order."""
        return tuple(name in self.categorical for name in self.factor_names)

    def _check_statistics(self) -> None:
        if not {"within"} < self.statistics.keys() <= {"within", "mean", "std"}:
            raise ValueError(f"statistics are within and mean or std, got {', '.join(self.statistics)}")
        for name in self.statistics.keys() - {"within"}:
            if len(self.statistics[name]) != self.image_shape[2]:
                raise ValueError(f"statistics: {name} has {len(self.statistics[name])} numbers, not one a channel")


MAX_CHECKED = 256  # images whose values are checked, of each data set in a process


class DataSet(ABC):
    """Images in [0, 1] and their factors, read by index. Subclasses read them from storage and hold little in memory.

    Attributes:
        rows: which images training draws, and how often; None: each is equally likely.

    Raises:
        DataError: the card says grid: false, and the subclass defines no method `factors`.
    """

    num_checked = 0
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
        return f"<{card.name}: {counted(len(self), 'image')} of {shape}; factors {factors or 'unknown'}>"

    def __len__(self) -> int:
        return self.card.num_images

    @abstractmethod
    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        """Images at valid indices; `epoch` holds one number for each image. Subclasses implement this.

        The images are floats in [0, 1] of the card's shape, as `bench.data.image_contract` checks.
        """

    def resident(self, device: "torch.device") -> Reader | None:
        """A reader that holds the images in a device's memory and returns the same bits as `read`; None: there is none.

        Without one, training on a GPU reads the images on the CPU in each step, which is slower.
        """
        return None

    def resized(self, size: int) -> "DataSet":
        """The data set at one of its card's `other_sizes`. Subclasses whose card has some implement this."""
        raise DataError(f"the card of {self.card.name} has other_sizes, so {type(self).__name__} needs resized(size)")

    def images(self, index: ArrayLike, epoch: ArrayLike = 0) -> NDArray[np.float32]:
        """Images (n, height, width, channels), float32 in [0, 1].

        Noise is a function of (the data set's seed, the image's index, `epoch`): codes and pictures are made of
        epoch 0, training uses later ones. `epoch` is one integer or one for each index.

        Raises:
            IndexError: an index is outside the data set.
            DataError: `read` returned something else; the message says what, and the mend.
        """
        rows = self._checked(index)
        epochs = np.asarray(epoch).astype(np.int32, casting="same_kind")  # a TypeError for fractions
        return self.batch(rows, np.broadcast_to(epochs, rows.shape))

    def batch(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        """What `read` returns for valid indices, checked against the contract.

        Raises:
            DataError: it violates the contract.
        """
        values = self.read(index, epoch)
        try:
            images = as_images(values, len(index), self.card.image_shape)
            if self.num_checked < MAX_CHECKED:
                check_values(images)
                self.num_checked += len(images)
        except ValueError as fault:
            raise DataError(f"read() of {self.card.name} ({type(self).__name__}): {fault}") from fault
        return images

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        """Factor values (n, number of factors), each in [0, size of the factor).

        Raises:
            IndexError: an index is outside the data set.
        """
        rows = self._checked(index)
        return np.stack(np.unravel_index(rows, self.card.factor_sizes), axis=1).astype(np.int64)

    def values(self, index: ArrayLike) -> NDArray[np.float64]:
        """Numeric values of the factors, (n, number of factors): their classes divided by the card's `factor_divisors`.

        A data set whose factors were measured overrides this with the measurements.

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
        """Indices of random images as training draws them: `most` different ones, or all if there are fewer.

        If a sampling draws some images more often than others, `most` independent draws, which may repeat.
        """
        if self.rows is None:
            return rng.choice(len(self), min(most, len(self)), replace=False)
        return self.rows.choose(rng, min(most, len(self)))

    def _checked(self, index: ArrayLike) -> NDArray[np.int64]:
        rows = np.asarray(index)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise IndexError(f"index must be a one-dimensional integer array, got {rows.dtype} {rows.shape}")
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(f"{self.card.name} has images 0..{len(self) - 1}, got {rows.min()}..{rows.max()}")
        return rows.astype(np.int64, copy=False)


class OnDisk(DataSet):
    """A data set that reads the files of a folder: another process opens them again, it is not sent what they hold."""

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card)
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.card, self.folder)
