"""Stacked stride-2 convolutions as Triton kernels: implicit matrix products with the model as an axis of the grid.

Three kernels cover every layer, forwards and backwards, because the gradient of a convolution with respect to its
input is a transposed convolution, and the other way round:

| | forward | gradient of the input | gradient of the weights |
|---|---|---|---|
| convolution 4x4 | `_convolution` | `_transposed` | `_weight_gradient` |
| convolution 2x2 | `_convolution` | a matrix product (patches do not overlap) | `_weight_gradient` |
| transposed 4x4 | `_transposed` | `_convolution` | `_weight_gradient` |

Activations are (K, batch, height, width, channels), weights (K, k, k, inputs, outputs). Taps are unrolled one by one:
Inductor's templates, whose loop over taps is flattened, are known to give wrong results (pytorch #173068, #189660).
Layers of fewer than 16 channels, which matrix units cannot take, are computed by `MatMul`.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from bench.models.convolutions import MatMul

LEAST_CHANNELS = 16
ROWS = 128  # output places a program computes
GRADIENT_ROWS = 64  # places a program of the weight gradient reads at once
PARTS = 4  # programs that share one tap's weight gradient; each writes its own sum, so that the result is reproducible


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
    X, DY, DW, batch, members, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    K: tl.constexpr, PAD: tl.constexpr, PARTS: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """DW[part, member, kh, kw] = sum over the part's places of X[2i + kh - PAD, 2j + kw - PAD] DY[i, j]^T."""
    tap, part = tl.program_id(0), tl.program_id(2)
    member = tl.program_id(1).to(tl.int64)
    kh, kw = tap // K, tap % K
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    places = batch * HO * WO
    share = tl.cdiv(tl.cdiv(places, PARTS), BLOCK) * BLOCK
    ci, co = tl.arange(0, CI), tl.arange(0, CO)
    x, dy = X + member * batch * H * WIDTH * CI, DY + member * places * CO
    total = tl.zeros((CI, CO), tl.float32)
    for start in range(part * share, tl.minimum((part + 1) * share, places), BLOCK):
        row = start + tl.arange(0, BLOCK)
        inside = row < places
        j, i, b = row % WO, (row // WO) % HO, row // (HO * WO)
        h, v = 2 * i + kh - PAD, 2 * j + kw - PAD
        there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
        a = tl.load(x + (((b * H + h) * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
        d = tl.load(dy + (row * CO)[:, None] + co[None, :], mask=inside[:, None], other=0.0)
        total = tl.dot(tl.trans(a), d, total, input_precision=PRECISION)
    dw = DW + ((part * members + member) * K * K + tap) * CI * CO
    tl.store(dw + ci[:, None] * CO + co[None, :], total)


class Kernels(MatMul):
    """Convolutions by the kernels above; layers of few channels by matrix products over patches."""

    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        if min(weight.shape[1:3]) < LEAST_CHANNELS:
            return super().convolve(h, weight, bias, relu=relu)
        return _Convolution.apply(*_cast(h, weight.permute(0, 3, 4, 2, 1)), bias, relu)

    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        if min(weight.shape[1:3]) < LEAST_CHANNELS:
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
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, w, y = ctx.saved_tensors
        dy = _through_relu(dy, y)
        dx = transposed(dy, w, swapped=True) if w.shape[1] == 4 else _spread(dy, w)
        return dx, weight_gradient(x, dy, w.shape[1]).to(w.dtype), _bias_gradient(dy), None


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
        dy = _through_relu(dy, y)
        dw = weight_gradient(dy, x, 4).transpose(3, 4)
        return convolution(dy, w, swapped=True), dw.to(w.dtype), _bias_gradient(dy), None


def convolution(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False, swapped: bool = False
) -> Tensor:
    """Convolution of x (K, B, H, W, inputs) with w (K, k, k, inputs, outputs); `swapped`: w's last two are."""
    members, batch, height, width, inputs = x.shape
    k, outputs = w.shape[1], w.shape[3 if swapped else 4]
    y = x.new_empty(members, batch, height // 2, width // 2, outputs)
    grid = (triton.cdiv(batch * height * width // 4, ROWS), members)
    _convolution[grid](
        x, w, x if bias is None else bias, y, batch, height, width, inputs, outputs, k, (k - 2) // 2, swapped, relu,
        bias is not None, _precision(), ROWS,
    )  # fmt: skip
    return y


def transposed(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False, swapped: bool = False
) -> Tensor:
    """Its transpose, of x (K, B, H, W, inputs) with w (K, 4, 4, inputs, outputs); `swapped`: w's last two are."""
    members, batch, height, width, inputs = x.shape
    outputs = w.shape[3 if swapped else 4]
    y = x.new_empty(members, batch, 2 * height, 2 * width, outputs)
    grid = (triton.cdiv(batch * height * width, ROWS), members, 4)
    _transposed[grid](
        x, w, x if bias is None else bias, y, batch, height, width, inputs, outputs, swapped, relu, bias is not None,
        _precision(), ROWS,
    )  # fmt: skip
    return y


def weight_gradient(x: Tensor, dy: Tensor, k: int) -> Tensor:
    """Gradient (K, k, k, inputs, outputs), float32, of the weights of a convolution from x to dy's place."""
    members, batch, height, width, inputs = x.shape
    outputs = dy.shape[4]
    parts = torch.empty(PARTS, members, k, k, inputs, outputs, dtype=torch.float32, device=x.device)
    _weight_gradient[(k * k, members, PARTS)](
        x, dy, parts, batch, members, height, width, inputs, outputs, k, (k - 2) // 2, PARTS, _precision(),
        GRADIENT_ROWS,
    )  # fmt: skip
    return parts.sum(dim=0)


def _cast(h: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both contiguous, in the type that autocast asks for."""
    kind = h.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else h.dtype
    return h.to(dtype).contiguous(), weight.to(dtype).contiguous()


def _through_relu(dy: Tensor, y: Tensor | None) -> Tensor:
    return dy.contiguous() if y is None else torch.where(y > 0, dy, 0).contiguous()


def _spread(dy: Tensor, w: Tensor) -> Tensor:
    """Gradient of the input of a 2x2 convolution: (K, B, H, W, outputs) to (K, B, 2H, 2W, inputs)."""
    members, batch, height, width, outputs = dy.shape
    taps = torch.bmm(dy.view(members, -1, outputs), w.flatten(1, 3).transpose(1, 2))
    return taps.view(members, batch, height, width, 2, 2, -1).transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _bias_gradient(dy: Tensor) -> Tensor:
    return dy.sum(dim=(1, 2, 3), dtype=torch.float32)


def _precision() -> str:
    return "ieee" if torch.get_float32_matmul_precision() == "highest" else "tf32"
