"""Images as tensors of a device: read there where a data set can, else by the CPU and sent over."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.data.base import DataSet

Reader = Callable[["Tensor", "Tensor"], "Tensor"]  # (index, epoch) -> images (n, height, width, channels), float32


def reader(data: "DataSet", device: "torch.device") -> tuple[Reader, bool]:
    """A function from indices (n,) int64 and epochs (n,) int32 to images, and whether it stays on the device."""
    resident = None if device.type == "cpu" else data.resident(device)
    return (_by_cpu(data, device), device.type == "cpu") if resident is None else (resident, True)


def _by_cpu(data: "DataSet", device: "torch.device") -> Reader:
    import torch

    def read(index: "Tensor", epoch: "Tensor") -> "Tensor":
        return torch.from_numpy(data.images(index.cpu().numpy(), epoch.cpu().numpy())).to(device)

    return read
