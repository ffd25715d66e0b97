"""The third of the ways of `convolutions`: its layers and their gradients by the kernels of `convolution_kernels`.

Activations are (K, batch, height, width, channels), weights lie as the parameters do, (K, small, k, k, large): see the
kernels. Layers of numbers of channels that those do not take are computed by `MatMul`.
"""

from typing import Any

import torch
import triton
from torch import Tensor

from bench.networks.parts import convolution_kernels as kernels
from bench.networks.parts.convolutions import MatMul
from bench.networks.parts.kernel_choices import Launch, Way, start

LEAST_CHANNELS = 16  # that matrix units take
FEW_CHANNELS = 4  # of images, at most
ROWS = {"tf32": 128, "tf32x3": 64}  # places a program computes at most, by precision: as many as registers hold
LEAST_ROWS = 32
ROWS_SHARE = 64  # a layer's places are shared by at least as many programs of a member, where the rows allow it
GRADIENT_ROWS = 32  # places whose weight gradients a program sums at once
PLACES_A_PART = 1024  # places whose gradients a program sums; each writes its own sum, so that results are reproducible
LEAST_PLACES = 128  # of a part, where there are few places
FEW_PARTS, MOST_PARTS = 16, 32
GROUP = kernels.GROUP.value

# What may be faster than the fixed way of each kernel: rows (no more than its own), warps, stages, looped over taps.
WAYS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "_convolution": (
        (128, 4, 2, True), (128, 8, 2, True), (64, 4, 2, True), (64, 4, 3, True), (64, 4, 3, False),
        (32, 4, 2, True), (32, 8, 2, True),
    ),
    "_transposed": (
        (128, 4, 2, True), (128, 8, 2, True), (64, 4, 2, True), (64, 4, 3, False), (64, 2, 2, True),
        (32, 4, 2, True), (32, 8, 2, True),
    ),
    "_transposed_to_few": (
        (128, 4, 2, True), (128, 4, 3, True), (128, 8, 2, True), (64, 4, 3, False), (64, 4, 2, True), (64, 4, 3, True),
        (32, 4, 3, True),
    ),
    "_convolution_of_few": ((128, 8), (64, 4), (64, 8), (64, 2), (32, 4), (32, 2)),
    "_weight_gradient": ((32, 2, 3), (32, 4, 2), (32, 4, 3), (32, 4, 4), (32, 4, 5), (32, 8, 3), (32, 8, 4)),
    "_weight_gradient_of_few": ((64, 4, 2), (64, 4, 4), (64, 8, 3), (64, 8, 4), (32, 4, 2), (32, 4, 4), (32, 8, 3)),
}  # fmt: skip
ROWS_ARE_SUMMED = ("_weight_gradient", "_weight_gradient_of_few")  # so that the fixed way's are those of all


class Kernels(MatMul):
    """Convolutions by the kernels; layers that they do not take by matrix products over patches."""

    narrow = True

    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        k, outputs, inputs = weight.shape[-1], *weight.shape[1:3]
        few = inputs <= FEW_CHANNELS and k == 4 and not relu
        if not (_many(outputs) and (_many(inputs) or few)):
            return super().convolve(h, weight, bias, relu=relu)
        dtype = _type(weight)
        return _Convolution.apply(h.to(dtype).contiguous(), _small_first(weight), bias, relu, dtype)

    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        inputs, outputs = weight.shape[1:3]
        dtype = _type(weight)
        if not (_many(inputs) and (_many(outputs) or outputs <= FEW_CHANNELS)):
            return super().transpose(h.to(dtype), weight, bias, relu=relu)
        h = h if outputs <= FEW_CHANNELS else h.to(dtype)  # the kernels of images widen as they load
        return _Transposed.apply(h.contiguous(), _small_first(weight), bias, relu, dtype)


class _Convolution(torch.autograd.Function):
    """Convolution with bias of x (K, B, H, W, large), through a ReLU or not, and weights (K, small, k, k, large).

    The weights are rounded to `dtype`; their gradient is not, whose sums are float32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, relu: bool, dtype: torch.dtype) -> Tensor:
        w = weight.to(dtype)
        ctx.save_for_backward(x, w)
        ctx.relu = relu
        return convolution(x, w, bias, relu=relu)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:
        _refuse_second_order()
        x, w = ctx.saved_tensors
        dy = dy.contiguous()
        dw, db = weight_gradient(x, dy, w.shape[2], relu_large=ctx.relu)
        dx = transposed(dy, w, mask=x if ctx.relu else None) if ctx.needs_input_grad[0] else None  # images need none
        return dx, dw, db, None, None


class _Transposed(torch.autograd.Function):
    """Transposed one of x (K, B, H, W, small) and weights (K, small, 4, 4, large), else as `_Convolution`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, relu: bool, dtype: torch.dtype) -> Tensor:
        w = weight.to(dtype)
        ctx.save_for_backward(x, w)
        ctx.relu = relu
        return transposed(x, w, bias, relu=relu)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        _refuse_second_order()
        x, w = ctx.saved_tensors
        dy = dy.contiguous()
        dw, _ = weight_gradient(dy, x, 4, relu_small=ctx.relu)
        dx, db = convolution_and_sums(dy, w, x, masked=ctx.relu)
        return dx, dw, db, None, None


def _refuse_second_order() -> None:
    """Raise an error where a gradient is to be differentiated in its turn: no kernel's is, and it would be lost."""
    if torch.is_grad_enabled():
        raise RuntimeError("the kernels of trainer.convolution=triton have no gradients of gradients")


def convolution(x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Tensor:
    """Convolution of x (K, B, H, W, large), through a ReLU or not, with w (K, small, k, k, large)."""
    members, batch, height, width, _ = x.shape
    y = x.new_empty(members, batch, height // 2, width // 2, w.shape[1])
    _convolve(x, w, bias, relu, None, y, None)
    return y


def convolution_and_sums(dy: Tensor, w: Tensor, like: Tensor, *, masked: bool) -> tuple[Tensor, Tensor]:
    """Convolution of dy, of the type of `like`, and the sums of dy over images and places, (K, large).

    Where it is `masked`, the convolution is 0 where `like` is not above 0.
    """
    members, batch, height, width, large = dy.shape
    y, mask = torch.empty_like(like), like if masked else None
    if large <= FEW_CHANNELS:
        _convolve(dy, w, None, False, mask, y, None)
        return y, dy.sum(dim=(1, 2, 3), dtype=torch.float32)
    groups = triton.cdiv(batch * height * width // 4, GROUP)
    sums = torch.empty(groups, members, large, dtype=torch.float32, device=dy.device)
    _convolve(dy, w, None, False, mask, y, sums)
    return y, sums.sum(dim=0)


def _convolve(
    x: Tensor, w: Tensor, bias: Tensor | None, relu: bool, mask: Tensor | None, y: Tensor, sums: Tensor | None
) -> None:
    members, batch, height, width, large = x.shape
    small, k = w.shape[1:3]
    places = batch * height * width // 4
    precision, rows = _rows(w, places)
    biased, masked = bias is not None, mask is not None
    arguments: tuple[Any, ...]
    if large <= FEW_CHANNELS:
        arguments = (
            x, w, bias if biased else x, mask if masked else x, y, batch, height, width, large, small, biased, masked,
            precision, _taps(large),
        )  # fmt: skip
        _start(kernels._convolution_of_few, arguments, (4,), lambda r: (triton.cdiv(places, r), members), Way(rows))
        return
    arguments = (
        x, w, bias if biased else x, mask if masked else x, y, x if sums is None else sums, batch, members, height,
        width, large, small, k, (k - 2) // 2, relu, biased, masked, sums is not None, precision,
    )  # fmt: skip
    written = (4,) if sums is None else (4, 5)
    grid = lambda r: (triton.cdiv(places, r), members)  # noqa: E731
    _start(kernels._convolution, arguments, written, grid, Way(rows, looped=False))


def transposed(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False, mask: Tensor | None = None
) -> Tensor:
    """Transposed convolution of x (K, B, H, W, small), through a ReLU or not, with w (K, small, k, k, large).

    Where there is a `mask`, the result is 0 where that is not above 0.
    """
    members, batch, height, width, small = x.shape
    k, large = w.shape[3:]
    y = w.new_empty(members, batch, 2 * height, 2 * width, large)
    places = batch * height * width
    precision, rows = _rows(w, places)
    biased, masked = bias is not None, mask is not None
    first = Way(rows, looped=False)
    arguments: tuple[Any, ...]
    if large <= FEW_CHANNELS:
        assert not masked  # images go through no ReLU
        arguments = (x, w, bias if biased else x, y, batch, height, width, small, large, relu, biased, precision)
        _start(kernels._transposed_to_few, arguments, (3,), lambda r: (triton.cdiv(places, r), members), first)
        return y
    arguments = (
        x, w, bias if biased else x, mask if masked else x, y, batch, height, width, small, large, k, relu, biased,
        masked, precision,
    )  # fmt: skip
    _start(kernels._transposed, arguments, (4,), lambda r: (triton.cdiv(places, r), members, 4), first)
    return y


def weight_gradient(
    large: Tensor, small: Tensor, k: int, *, relu_large: bool = False, relu_small: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Gradient of weights (K, small, k, k, large) between two maps, float32, and the sums (K, small) over places.

    Either map is taken through a ReLU where that is asked for; `small` is summed where it is not.
    """
    members, batch, height, width, inputs = large.shape
    outputs = small.shape[4]
    precision, _ = _rows(large, 0)
    count = _parts(batch * height * width // 4)
    few = inputs <= FEW_CHANNELS
    rows = ROWS[precision] // 2 if few else GRADIENT_ROWS
    parts = torch.empty(count, members, outputs, k, k, inputs, dtype=torch.float32, device=large.device)
    sums = torch.empty(count * rows // GROUP, members, outputs, dtype=torch.float32, device=large.device)
    shapes = (batch, members, count, height, width, inputs, outputs)
    written = (2,) if relu_small else (2, 3)
    arguments: tuple[Any, ...]
    if few:
        arguments = (large, small, parts, sums, *shapes, relu_small, precision, _taps(inputs))
        _start(kernels._weight_gradient_of_few, arguments, written, lambda r: (count, members), Way(rows))
    else:
        warps = 8 if precision == "tf32x3" else max(2, k * inputs * outputs // 4096)
        arguments = (large, small, parts, sums, *shapes, k, (k - 2) // 2, relu_large, relu_small, precision)
        _start(kernels._weight_gradient, arguments, written, lambda r: (k, members, count), Way(rows, warps, 4))
    return parts.sum(dim=0), None if relu_small else sums.sum(dim=0)


def _start(kernel: Any, arguments: tuple[Any, ...], written: tuple[int, ...], grid: Any, first: Way) -> None:
    """Launch a kernel in its fixed way, or in one that is faster on the card at hand and adds in the same order."""
    start(Launch(kernel, arguments, written, grid, ways(kernel.__name__, first)), arguments[0].device)


def ways(kernel: str, first: Way) -> tuple[Way, ...]:
    """The fixed way of a kernel, and others of its table that compute as many places at once, or fewer."""
    others = [way for way in (Way(*numbers) for numbers in WAYS[kernel]) if way != first]
    if kernel in ROWS_ARE_SUMMED:
        return (first, *(way for way in others if way.rows == first.rows))
    return (first, *(way for way in others if way.rows <= first.rows))


def _many(channels: int) -> bool:
    """Whether matrix units take this number of channels."""
    return channels >= LEAST_CHANNELS and channels & (channels - 1) == 0


def _taps(inputs: int) -> int:
    """Taps of a 4x4 patch, padded to a power of two."""
    return triton.next_power_of_2(16 * inputs)


def _parts(places: int) -> int:
    """Programs that share a sum over places; it does not depend on the fleet, so that neither do results."""
    return max(1, min(FEW_PARTS, places // LEAST_PLACES), min(MOST_PARTS, places // PLACES_A_PART))


def _type(weight: Tensor) -> torch.dtype:
    """What a layer computes in: what autocast asks for, else the type of its weights."""
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


def _small_first(weight: Tensor) -> Tensor:
    """Weights as (K, small, k, k, large), which is how they lie."""
    return weight.permute(0, 1, 3, 4, 2).contiguous()


def _rows(w: Tensor, places: int) -> tuple[str, int]:
    """How kernels multiply float32, whole (as three tf32 products) or as tf32, and the places a program computes."""
    whole = w.dtype == torch.float32 and torch.get_float32_matmul_precision() == "highest"
    precision = "tf32x3" if whole else "tf32"
    return precision, max(LEAST_ROWS, min(ROWS[precision], triton.next_power_of_2(places // ROWS_SHARE + 1) // 2))
