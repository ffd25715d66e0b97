"""Stacked stride-2 convolutions as Triton kernels: implicit matrix products with the model as an axis of the grid.

Three operations cover every layer, forwards and backwards, because the gradient of a convolution with respect to its
input is a transposed convolution, and the other way round:

| | forward | gradient of the input | gradient of the weights |
|---|---|---|---|
| convolution 4x4 | `_convolution` | `_transposed` | `_weight_gradient` |
| convolution 2x2 | `_convolution` | a matrix product (patches do not overlap) | `_weight_gradient` |
| transposed 4x4 | `_transposed` | `_convolution` | `_weight_gradient` |

Each has a second kernel for the layer that reads or writes images, whose one or three channels matrix units cannot
take: there the taps are part of the product's inner dimension, or the four phases of its outer one.

Activations are (K, batch, height, width, channels), weights (K, k, k, inputs, outputs). Taps are unrolled one by one:
Inductor's templates, whose loop over taps is flattened, are known to give wrong results (pytorch #173068, #189660).
Layers of other numbers of channels are computed by `MatMul`.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from bench.models.parts.convolutions import MatMul

LEAST_CHANNELS = 16  # that matrix units take
FEW_CHANNELS = 4  # of images, at most
ROWS = {"tf32": 128, "tf32x3": 64}  # output places a program computes, by precision: as many as registers hold
GRADIENT_ROWS = 32  # places whose weight gradients a program sums at once
GRADIENT_WARPS = {"tf32": 2, "tf32x3": 8}  # of such a program: the fastest of 18 ways tried; without spilled registers
PLACES_A_PART = 1024  # places whose gradients a program sums; each writes its own sum, so that results are reproducible
MOST_PARTS = 32
PLACES_A_TURN = 128  # places whose gradients a program takes through a ReLU at once


@triton.jit
def _convolution(
    X, W, BIAS, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr, K: tl.constexpr,
    PAD: tl.constexpr, SWAPPED: tl.constexpr, RELU: tl.constexpr, BIASED: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Y[b, i, j] = sum over taps X[b, 2i + kh - PAD, 2j + kw - PAD] W[kh, kw]; SWAPPED: W is stored (k, k, CO, CI)."""
    member = tl.program_id(1).to(tl.int64)
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * HO * WO
    j, i, b = row % WO, (row // WO) % HO, row // (HO * WO)
    ci, co = tl.arange(0, CI), tl.arange(0, CO)
    x = X + member * batch * H * WIDTH * CI + b * (H * WIDTH * CI)
    w = W + member * (K * K * CI * CO)
    total = tl.zeros((BLOCK, CO), tl.float32)
    for kh in tl.static_range(K):
        for kw in tl.static_range(K):
            h, v = 2 * i + kh - PAD, 2 * j + kw - PAD
            there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
            a = tl.load(x[:, None] + ((h * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
            tap = w + (kh * K + kw) * CI * CO
            if SWAPPED:
                g = tl.load(tap + co[None, :] * CI + ci[:, None])
            else:
                g = tl.load(tap + ci[:, None] * CO + co[None, :])
            total = tl.dot(a, g, total, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    if RELU:
        total = tl.maximum(total, 0.0)
    y = Y + member * batch * HO * WO * CO + (row * CO)[:, None] + co[None, :]
    tl.store(y, total.to(Y.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _transposed(
    X, W, BIAS, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    SWAPPED: tl.constexpr, RELU: tl.constexpr, BIASED: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """4x4 transposed convolution; a program computes one of the four phases (odd or even row, odd or even column)."""
    member = tl.program_id(1).to(tl.int64)
    odd_row, odd_column = tl.program_id(2) // 2, tl.program_id(2) % 2
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * H * WIDTH
    j, i, b = row % WIDTH, (row // WIDTH) % H, row // (H * WIDTH)
    ci, co = tl.arange(0, CI), tl.arange(0, CO)
    x = X + member * batch * H * WIDTH * CI + b * (H * WIDTH * CI)
    w = W + member * (16 * CI * CO)
    total = tl.zeros((BLOCK, CO), tl.float32)
    for first in tl.static_range(2):
        for second in tl.static_range(2):
            # an even row gets tap 1 of row i and tap 3 of row i - 1, an odd one tap 2 of row i and tap 0 of row i + 1
            kh = tl.where(odd_row == 0, 1 + 2 * first, 2 - 2 * first)
            kw = tl.where(odd_column == 0, 1 + 2 * second, 2 - 2 * second)
            h = i + tl.where(odd_row == 0, -first, first)
            v = j + tl.where(odd_column == 0, -second, second)
            there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
            a = tl.load(x[:, None] + ((h * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
            tap = w + (kh * 4 + kw) * CI * CO
            if SWAPPED:
                g = tl.load(tap + co[None, :] * CI + ci[:, None])
            else:
                g = tl.load(tap + ci[:, None] * CO + co[None, :])
            total = tl.dot(a, g, total, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    if RELU:
        total = tl.maximum(total, 0.0)
    place = (b * (2 * H) + 2 * i + odd_row) * (2 * WIDTH) + 2 * j + odd_column
    y = Y + member * batch * 4 * H * WIDTH * CO + (place * CO)[:, None] + co[None, :]
    tl.store(y, total.to(Y.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _weight_gradient(
    X, DY, DW, batch, members, parts, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    K: tl.constexpr, PAD: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """DW[part, member, kh] = sum over the part's places of X[2i + kh - PAD, 2j - PAD : 2j - PAD + K] DY[i, j]^T."""
    kh, part = tl.program_id(0), tl.program_id(2)
    member = tl.program_id(1).to(tl.int64)
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    places = batch * HO * WO
    share = tl.cdiv(tl.cdiv(places, parts), BLOCK) * BLOCK
    tap, co = tl.arange(0, K * CI), tl.arange(0, CO)  # the taps of a row lie side by side in memory
    x, dy = X + member * batch * H * WIDTH * CI, DY + member * places * CO
    total = tl.zeros((CO, K * CI), tl.float32)
    for start in range(part * share, tl.minimum((part + 1) * share, places), BLOCK):
        row = start + tl.arange(0, BLOCK)
        inside = row < places
        j, i, b = row % WO, (row // WO) % HO, row // (HO * WO)
        h, v = 2 * i + kh - PAD, (2 * j - PAD)[:, None] + (tap // CI)[None, :]
        there = (inside & (h >= 0) & (h < H))[:, None] & (v >= 0) & (v < WIDTH)
        first = ((b * H + h) * WIDTH + 2 * j - PAD) * CI
        a = tl.load(x + first[:, None] + tap[None, :], mask=there, other=0.0)
        d = tl.load(dy + (row * CO)[:, None] + co[None, :], mask=inside[:, None], other=0.0)
        total = tl.dot(tl.trans(d), a, total, input_precision=PRECISION)
    dw = DW + ((part * members + member) * K + kh) * K * CI * CO
    tl.store(dw + tap[None, :] * CO + co[:, None], total)


@triton.jit
def _convolution_of_few(
    X, W, BIAS, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    RELU: tl.constexpr, BIASED: tl.constexpr, PRECISION: tl.constexpr, TAPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`_convolution` 4x4 of few input channels: one product over all 16 CI taps, padded to TAPS."""
    member = tl.program_id(1).to(tl.int64)
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * HO * WO
    tap, co = tl.arange(0, TAPS), tl.arange(0, CO)
    a = _patches(X + member * batch * H * WIDTH * CI, row, inside, tap, H, WIDTH, CI)
    w = tl.load(W + member * 16 * CI * CO + tap[:, None] * CO + co[None, :], mask=(tap < 16 * CI)[:, None], other=0.0)
    total = tl.dot(a, w, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    if RELU:
        total = tl.maximum(total, 0.0)
    y = Y + member * batch * HO * WO * CO + (row * CO)[:, None] + co[None, :]
    tl.store(y, total.to(Y.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _weight_gradient_of_few(
    X, DY, DW, batch, members, parts, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    PRECISION: tl.constexpr, TAPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`_weight_gradient` 4x4 of few input channels: all taps at once."""
    part = tl.program_id(0)
    member = tl.program_id(1).to(tl.int64)
    places = batch * (H // 2) * (WIDTH // 2)
    share = tl.cdiv(tl.cdiv(places, parts), BLOCK) * BLOCK
    tap, co = tl.arange(0, TAPS), tl.arange(0, CO)
    total = tl.zeros((TAPS, CO), tl.float32)
    for start in range(part * share, tl.minimum((part + 1) * share, places), BLOCK):
        row = start + tl.arange(0, BLOCK)
        inside = row < places
        a = _patches(X + member * batch * H * WIDTH * CI, row, inside, tap, H, WIDTH, CI)
        d = tl.load(DY + member * places * CO + (row * CO)[:, None] + co[None, :], mask=inside[:, None], other=0.0)
        total = tl.dot(tl.trans(a), d, total, input_precision=PRECISION)
    dw = DW + (part * members + member) * 16 * CI * CO
    tl.store(dw + tap[:, None] * CO + co[None, :], total, mask=(tap < 16 * CI)[:, None])


@triton.jit
def _patches(x, row, inside, tap, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr):
    """The 4x4 patches of images at output places: (places, taps), a tap being (row, column, channel)."""
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    j, i, b = row % WO, (row // WO) % HO, row // (HO * WO)
    h = (2 * i - 1)[:, None] + (tap // (4 * CI))[None, :]
    v = (2 * j - 1)[:, None] + ((tap // CI) % 4)[None, :]
    there = inside[:, None] & (tap < 16 * CI)[None, :] & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
    place = ((b * H)[:, None] + h) * WIDTH + v
    return tl.load(x + place * CI + (tap % CI)[None, :], mask=there, other=0.0)


@triton.jit
def _transposed_to_few(
    X, W, BIAS, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    BIASED: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`_transposed` to few output channels: the four phases are columns of one product, padded to 16."""
    member = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * H * WIDTH
    j, i, b = row % WIDTH, (row // WIDTH) % H, row // (H * WIDTH)
    ci, column = tl.arange(0, CI), tl.arange(0, 16)
    odd_row, odd_column, co = column // (2 * CO), (column // CO) % 2, column % CO
    x = X + member * batch * H * WIDTH * CI
    w = W + member * (16 * CI * CO)
    total = tl.zeros((BLOCK, 16), tl.float32)
    for down in tl.static_range(-1, 2):
        for right in tl.static_range(-1, 2):
            # the tap by which a neighbour reaches a phase: 1 + odd from the place itself; 3 from before, where the
            # phase is even; 0 from after, where it is odd
            kh = 1 + odd_row if down == 0 else (3 if down < 0 else 0) + 0 * odd_row
            kw = 1 + odd_column if right == 0 else (3 if right < 0 else 0) + 0 * odd_column
            reached = (column < 4 * CO) & ((down == 0) | ((down > 0) == (odd_row == 1)))
            reached = reached & ((right == 0) | ((right > 0) == (odd_column == 1)))
            h, v = i + down, j + right
            there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
            a = tl.load(x + (((b * H + h) * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
            place = ((kh * 4 + kw)[None, :] * CI + ci[:, None]) * CO + co[None, :]
            g = tl.load(w + place, mask=reached[None, :], other=0.0)
            total = tl.dot(a, g, total, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    h, v = (2 * i)[:, None] + odd_row[None, :], (2 * j)[:, None] + odd_column[None, :]
    place = (((b * (2 * H))[:, None] + h) * (2 * WIDTH) + v) * CO + co[None, :]
    y = Y + member * batch * 4 * H * WIDTH * CO + place
    tl.store(y, total.to(Y.dtype.element_ty), mask=inside[:, None] & (column < 4 * CO)[None, :])


@triton.jit
def _through_relu(
    DY, Y, OUT, SUMS, places, members, parts, CO: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """OUT = DY where Y > 0, else 0, and its sum over each part's places."""
    part = tl.program_id(0)
    member = tl.program_id(1).to(tl.int64)
    share = tl.cdiv(tl.cdiv(places, parts), BLOCK) * BLOCK
    co = tl.arange(0, CO)
    total = tl.zeros((CO,), tl.float32)
    for start in range(part * share, tl.minimum((part + 1) * share, places), BLOCK):
        row = start + tl.arange(0, BLOCK)
        inside = (row < places)[:, None]
        place = member * places * CO + (row * CO)[:, None] + co[None, :]
        y, d = tl.load(Y + place, mask=inside, other=0.0), tl.load(DY + place, mask=inside, other=0.0)
        d = tl.where(y > 0, d, 0.0)
        tl.store(OUT + place, d, mask=inside)
        total += tl.sum(d.to(tl.float32), axis=0)
    tl.store(SUMS + (part * members + member) * CO + co, total)


class Kernels(MatMul):
    """Convolutions by the kernels above; layers that they do not take by matrix products over patches."""

    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        k, outputs, inputs = weight.shape[-1], *weight.shape[1:3]
        if not (_many(outputs) and (_many(inputs) or (inputs <= FEW_CHANNELS and k == 4))):
            return super().convolve(h, weight, bias, relu=relu)
        return _Convolution.apply(*_cast(h, weight.permute(0, 3, 4, 2, 1)), bias, relu)

    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        inputs, outputs = weight.shape[1:3]
        if not (_many(inputs) and (_many(outputs) or (outputs <= FEW_CHANNELS and not relu))):
            return super().transpose(h, weight, bias, relu=relu)
        return _Transposed.apply(*_cast(h, weight.permute(0, 3, 4, 1, 2)), bias, relu)


class _Convolution(torch.autograd.Function):
    """Convolution with bias and ReLU: x (K, B, H, W, inputs), w (K, k, k, inputs, outputs)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor, relu: bool) -> Tensor:
        y = convolution(x, w, bias, relu=relu)
        ctx.save_for_backward(x, w, y if relu else None)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, w, y = ctx.saved_tensors
        dy, db = _before_relu(dy, y)
        dx = None
        if ctx.needs_input_grad[0]:  # images need none
            dx = transposed(dy, w, swapped=True) if w.shape[1] == 4 else _spread(dy, w)
        return dx, weight_gradient(x, dy, w.shape[1]).to(w.dtype), db, None


class _Transposed(torch.autograd.Function):
    """Transposed convolution with bias and ReLU: x (K, B, H, W, inputs), w (K, 4, 4, inputs, outputs)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor, relu: bool) -> Tensor:
        y = transposed(x, w, bias, relu=relu)
        ctx.save_for_backward(x, w, y if relu else None)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, w, y = ctx.saved_tensors
        dy, db = _before_relu(dy, y)
        dw = weight_gradient(dy, x, 4).transpose(3, 4)
        return convolution(dy, w, swapped=True), dw.to(w.dtype), db, None


def convolution(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False, swapped: bool = False
) -> Tensor:
    """Convolution of x (K, B, H, W, inputs) with w (K, k, k, inputs, outputs); `swapped`: w's last two are."""
    members, batch, height, width, inputs = x.shape
    k, outputs = w.shape[1], w.shape[3 if swapped else 4]
    y = x.new_empty(members, batch, height // 2, width // 2, outputs)
    precision, rows = _precision(x)
    grid = (triton.cdiv(batch * height * width // 4, rows), members)
    if inputs <= FEW_CHANNELS:
        _convolution_of_few[grid](
            x, _swapped(w) if swapped else w, x if bias is None else bias, y, batch, height, width, inputs, outputs,
            relu, bias is not None, precision, _taps(inputs), rows,
        )  # fmt: skip
        return y
    _convolution[grid](
        x, w, x if bias is None else bias, y, batch, height, width, inputs, outputs, k, (k - 2) // 2, swapped, relu,
        bias is not None, precision, rows,
    )  # fmt: skip
    return y


def transposed(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False, swapped: bool = False
) -> Tensor:
    """Its transpose, of x (K, B, H, W, inputs) with w (K, 4, 4, inputs, outputs); `swapped`: w's last two are."""
    members, batch, height, width, inputs = x.shape
    outputs = w.shape[3 if swapped else 4]
    y = x.new_empty(members, batch, 2 * height, 2 * width, outputs)
    precision, rows = _precision(x)
    if outputs <= FEW_CHANNELS:
        _transposed_to_few[triton.cdiv(batch * height * width, rows), members](
            x, _swapped(w) if swapped else w, x if bias is None else bias, y, batch, height, width, inputs, outputs,
            bias is not None, precision, rows,
        )  # fmt: skip
        return y
    grid = (triton.cdiv(batch * height * width, rows), members, 4)
    _transposed[grid](
        x, w, x if bias is None else bias, y, batch, height, width, inputs, outputs, swapped, relu, bias is not None,
        precision, rows,
    )  # fmt: skip
    return y


def weight_gradient(x: Tensor, dy: Tensor, k: int) -> Tensor:
    """Gradient (K, k, k, inputs, outputs), float32, of the weights of a convolution from x to dy's place."""
    members, batch, height, width, inputs = x.shape
    outputs = dy.shape[4]
    precision, rows = _precision(x)
    count = _parts(batch * height * width // 4)
    parts = torch.empty(count, members, k, k, inputs, outputs, dtype=torch.float32, device=x.device)
    if inputs <= FEW_CHANNELS:
        _weight_gradient_of_few[count, members](
            x, dy, parts, batch, members, count, height, width, inputs, outputs, precision, _taps(inputs),
            rows // 2,
        )  # fmt: skip
    else:
        _weight_gradient[k, members, count](
            x, dy, parts, batch, members, count, height, width, inputs, outputs, k, (k - 2) // 2, precision,
            GRADIENT_ROWS, num_warps=GRADIENT_WARPS[precision], num_stages=4,
        )  # fmt: skip
    return parts.sum(dim=0)


def _before_relu(dy: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """Gradients of what a ReLU gave y for, and of the bias in it; y is None where there was no ReLU."""
    dy = dy.contiguous()
    if y is None:
        return dy, dy.sum(dim=(1, 2, 3), dtype=torch.float32)
    members, outputs = dy.shape[0], dy.shape[4]
    places = dy[0, ..., 0].numel()
    count = _parts(places)
    out = torch.empty_like(dy)
    sums = torch.empty(count, members, outputs, dtype=torch.float32, device=dy.device)
    _through_relu[count, members](dy, y, out, sums, places, members, count, outputs, PLACES_A_TURN)
    return out, sums.sum(dim=0)


def _many(channels: int) -> bool:
    """Whether matrix units take this number of channels."""
    return channels >= LEAST_CHANNELS and channels & (channels - 1) == 0


def _taps(inputs: int) -> int:
    """Taps of a 4x4 patch, padded to a power of two."""
    return triton.next_power_of_2(16 * inputs)


def _parts(places: int) -> int:
    """Programs that share a sum over places; it does not depend on the fleet, so that neither do results."""
    return max(1, min(MOST_PARTS, places // PLACES_A_PART))


def _swapped(w: Tensor) -> Tensor:
    return w.transpose(3, 4).contiguous()


def _cast(h: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both contiguous, in the type that autocast asks for."""
    kind = h.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else h.dtype
    return h.to(dtype).contiguous(), weight.to(dtype).contiguous()


def _spread(dy: Tensor, w: Tensor) -> Tensor:
    """Gradient of the input of a 2x2 convolution: (K, B, H, W, outputs) to (K, B, 2H, 2W, inputs)."""
    members, batch, height, width, outputs = dy.shape
    taps = torch.bmm(dy.view(members, -1, outputs), w.flatten(1, 3).transpose(1, 2))
    return taps.view(members, batch, height, width, 2, 2, -1).transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _precision(x: Tensor) -> tuple[str, int]:
    """How kernels multiply float32, and the rows a program takes: whole (as three tf32 products) or as tf32."""
    whole = x.dtype == torch.float32 and torch.get_float32_matmul_precision() == "highest"
    precision = "tf32x3" if whole else "tf32"
    return precision, ROWS[precision]
