"""Images as tensors on a device: read from its memory if the data set supports it, else read by the CPU and copied."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.data.base import DataSet
    from bench.data.sampling.rows import Rows

Reader = Callable[["Tensor", "Tensor"], "Tensor"]  # (index, epoch) -> images (n, height, width, channels), float32


@dataclass(frozen=True)
class DeviceImages:
    """A data set's images for one device, held there once for all models that read them.

    Attributes:
        read: from indices (n,) int64 and epochs (n,) int32 to images (n, height, width, channels), float32.
        total: number of images.
        device: of the returned tensors.
        on_device: whether reading does not involve the CPU, as a CUDA graph requires; True on the CPU itself.
        grid: sizes of the factors whose every combination is one image, the last factor fastest; none: no grid.
        rows: which images training draws, and how often; None: each is equally likely.
    """

    read: Reader
    total: int
    device: "torch.device"
    on_device: bool
    grid: tuple[int, ...] = ()
    rows: "Rows | None" = None


def images_on(device: "torch.device", data: "DataSet") -> DeviceImages:
    """A data set's images for a device."""
    resident = None if device.type == "cpu" else data.resident(device)
    read = _by_cpu(data, device) if resident is None else resident
    on_device = resident is not None or device.type == "cpu"
    grid = data.card.factor_sizes if data.card.grid else ()
    return DeviceImages(read, len(data), device, on_device, grid, data.rows)


def shares(white: int, device: "torch.device") -> "Tensor":
    """The quotients k / white for k from 0 to `white`, (white + 1,) float32, as NumPy computes them.

    A look-up gives the same bits on every device, while a division compiled for a GPU may round differently.
    """
    import numpy as np
    import torch

    return torch.from_numpy(np.arange(white + 1, dtype=np.float32) / np.float32(white)).to(device)


def _by_cpu(data: "DataSet", device: "torch.device") -> Reader:
    import torch

    def read(index: "Tensor", epoch: "Tensor") -> "Tensor":
        return torch.from_numpy(data.images(index.cpu().numpy(), epoch.cpu().numpy())).to(device)

    return read
