"""Data sets whose images are bytes in one array on disk, which is memory-mapped and read by index."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card, DataError, OnDisk
from bench.data.files import converted, place, require
from bench.data.reader import Reader, shares

if TYPE_CHECKING:
    import torch

SHARE = 0.25  # of a device's memory that images may take there
Bytes = NDArray[np.uint8]


class Stored(OnDisk):
    """Images whose pixels are byte / 255.

    Raises:
        NoSourceError: a file is missing or damaged; the message says where it comes from and where it goes.
        DataError: a file does not match the card.
        StoreError: the folder cannot be written.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        require(card.name, card.files, folder)
        self.pixels = np.asarray(self.mapped())  # a plain view: the subclass is slow to index
        if self.pixels.shape != self.shape or self.pixels.dtype != np.uint8:
            raise self.fault(f"{self.pixels.dtype} {self.pixels.shape}, not uint8 {self.shape}")

    @abstractmethod
    def mapped(self) -> Bytes:
        """The mapped array (number of images, height, width, channels). Subclasses implement this."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the mapped array."""
        return len(self), *self.card.image_shape

    @property
    def path(self) -> Path:
        """The path of the first file of the card, or of its unpacked folder."""
        return place(self.card.files[0], self.folder)

    def fault(self, problem: object) -> DataError:
        """A DataError that names the file and a problem with it."""
        return DataError(f"{self.path} is not what the card of {self.card.name} says: {problem}")

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        images = self.pixels[index].astype(np.float32)
        images /= 255
        return images

    def resident(self, device: "torch.device") -> Reader | None:
        import torch

        if device.type == "cuda":
            memory = torch.cuda.get_device_properties(device).total_memory
            if self.pixels.nbytes > SHARE * memory:
                return None
        pixels = torch.empty(self.pixels.shape, dtype=torch.uint8, device=device)
        for i in range(0, len(self), 4096):
            pixels[i : i + 4096] = torch.tensor(self.pixels[i : i + 4096])
        of_white = shares(255, device)
        return lambda index, epoch: of_white[pixels[index].long()]


class Converted(Stored):
    """Images whose files have another format, converted once into NAME/images.npy."""

    @abstractmethod
    def pieces(self) -> Iterator[Bytes]:
        """All images in order, in blocks (n, height, width, channels). Subclasses implement this.

        Raises:
            DataError: a file does not match the card; the message names it.
        """

    def mapped(self) -> Bytes:
        path = converted(self.card, self.folder, self._npy)
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def _npy(self) -> Iterator[bytes]:
        yield header(self.shape)
        for images in self.pieces():
            yield np.ascontiguousarray(images).tobytes()


def shrunk(images: Bytes, height: int, width: int) -> Bytes:
    """Images (n, h, w) or (n, h, w, 3) at another size by Lanczos' filter, as the 2019 study resized them."""
    from PIL import Image

    small = np.empty((len(images), height, width, *images.shape[3:]), np.uint8)
    for i, image in enumerate(images):
        small[i] = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    return small


def header(shape: tuple[int, ...]) -> bytes:
    """The header of an .npy file of bytes."""
    import io

    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()
