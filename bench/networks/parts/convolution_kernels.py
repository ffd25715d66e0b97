"""Stacked stride-2 convolutions as Triton kernels: implicit matrix products with the model as an axis of the grid.

Three operations cover every layer, forwards and backwards, because the gradient of a convolution with respect to its
input is a transposed convolution, and the other way round:

| | forward | gradient of the input | gradient of the weights |
|---|---|---|---|
| convolution 4x4, 2x2 | `_convolution` | `_transposed` | `_weight_gradient` |
| transposed 4x4 | `_transposed` | `_convolution` | `_weight_gradient` |

Each has a second kernel for the layer that reads or writes images, whose one or three channels matrix units cannot
take: there the taps are part of the product's inner dimension, or the four phases of its outer one.

A layer takes its input through a ReLU as it loads it, and gives that input's gradient through the ReLU as it stores it,
so that no kernel is there for the ReLU alone. The bias's gradient is summed by whichever kernel loads all of the
output's gradient anyway.

Activations are (K, batch, height, width, channels). Weights lie as the parameters do: (K, small, k, k, large), where
"large" are the channels on the side of the larger map (a convolution's input, a transposed one's output) and "small"
those of the other. Taps are unrolled one by one: Inductor's templates, whose loop over taps is flattened, are known to
give wrong results (pytorch #173068, #189660). Layers of other numbers of channels are computed by `MatMul`.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from bench.networks.parts.convolutions import MatMul

LEAST_CHANNELS = 16  # that matrix units take
FEW_CHANNELS = 4  # of images, at most
ROWS = {"tf32": 128, "tf32x3": 64}  # places a program computes at most, by precision: as many as registers hold
LEAST_ROWS = 32
ROWS_SHARE = 64  # a layer's places are shared by at least as many programs of a member, where the rows allow it
GRADIENT_ROWS = 32  # places whose weight gradients a program sums at once
PLACES_A_PART = 1024  # places whose gradients a program sums; each writes its own sum, so that results are reproducible
LEAST_PLACES = 128  # of a part, where there are few places
FEW_PARTS, MOST_PARTS = 16, 32


@triton.jit
def _convolution(
    X, W, BIAS, MASK, Y, SUMS, batch, members, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr,
    CO: tl.constexpr, K: tl.constexpr, PAD: tl.constexpr, RELU: tl.constexpr, BIASED: tl.constexpr,
    MASKED: tl.constexpr, SUMMED: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Y[b, i, j] = sum over taps of relu(X)[b, 2i + kh - PAD, 2j + kw - PAD] W[:, kh, kw]^T.

    MASKED: Y is 0 where MASK is not above 0. SUMMED: SUMS[program, member] are the sums of the program's part of X.
    """
    member = tl.program_id(1).to(tl.int64)
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * HO * WO
    j, i, b = row % WO, (row // WO) % HO, row // (HO * WO)
    ci, co = tl.arange(0, CI), tl.arange(0, CO)
    x = X + member * batch * H * WIDTH * CI + b * (H * WIDTH * CI)
    w = W + member * (K * K * CI * CO) + ci[:, None] + co[None, :] * (K * K * CI)
    total = tl.zeros((BLOCK, CO), tl.float32)
    seen = tl.zeros((BLOCK, CI), tl.float32)
    for kh in tl.static_range(K):
        for kw in tl.static_range(K):
            h, v = 2 * i + kh - PAD, 2 * j + kw - PAD
            there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
            a = tl.load(x[:, None] + ((h * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
            if RELU:
                a = tl.maximum(a, 0.0).to(a.dtype)  # of bfloat16 it gives 32-bit floats
            if SUMMED and (kh - PAD) // 2 == 0 and (kw - PAD) // 2 == 0:  # these taps meet each place once
                seen += a.to(tl.float32)
            total = tl.dot(a, tl.load(w + (kh * K + kw) * CI), total, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    place = member * batch * HO * WO * CO + (row * CO)[:, None] + co[None, :]
    if MASKED:
        total = tl.where(tl.load(MASK + place, mask=inside[:, None], other=0.0) > 0, total, 0.0)
    tl.store(Y + place, total.to(Y.dtype.element_ty), mask=inside[:, None])
    if SUMMED:
        tl.store(SUMS + (tl.program_id(0) * members + member) * CI + ci, tl.sum(seen, axis=0))


@triton.jit
def _transposed(
    X, W, BIAS, MASK, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    K: tl.constexpr, RELU: tl.constexpr, BIASED: tl.constexpr, MASKED: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Transposed convolution of relu(X); a program computes one of the four phases (odd or even row and column)."""
    member = tl.program_id(1).to(tl.int64)
    odd_row, odd_column = tl.program_id(2) // 2, tl.program_id(2) % 2
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * H * WIDTH
    j, i, b = row % WIDTH, (row // WIDTH) % H, row // (H * WIDTH)
    ci, co = tl.arange(0, CI), tl.arange(0, CO)
    x = X + member * batch * H * WIDTH * CI + b * (H * WIDTH * CI)
    w = W + member * (K * K * CI * CO) + ci[:, None] * (K * K * CO) + co[None, :]
    total = tl.zeros((BLOCK, CO), tl.float32)
    for first in tl.static_range(K // 2):
        for second in tl.static_range(K // 2):
            if K == 2:  # patches do not overlap
                kh, kw, h, v = odd_row, odd_column, i, j
            else:  # an even row gets tap 1 of row i and 3 of row i - 1, an odd one tap 2 of row i and 0 of row i + 1
                kh = tl.where(odd_row == 0, 1 + 2 * first, 2 - 2 * first)
                kw = tl.where(odd_column == 0, 1 + 2 * second, 2 - 2 * second)
                h = i + tl.where(odd_row == 0, -first, first)
                v = j + tl.where(odd_column == 0, -second, second)
            there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
            a = tl.load(x[:, None] + ((h * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
            if RELU:
                a = tl.maximum(a, 0.0).to(a.dtype)  # of bfloat16 it gives 32-bit floats
            total = tl.dot(a, tl.load(w + (kh * K + kw) * CO), total, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    pixel = (b * (2 * H) + 2 * i + odd_row) * (2 * WIDTH) + 2 * j + odd_column
    place = member * batch * 4 * H * WIDTH * CO + (pixel * CO)[:, None] + co[None, :]
    if MASKED:
        total = tl.where(tl.load(MASK + place, mask=inside[:, None], other=0.0) > 0, total, 0.0)
    tl.store(Y + place, total.to(Y.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _weight_gradient(
    LARGE, SMALL, DW, SUMS, batch, members, parts, H: tl.constexpr, WIDTH: tl.constexpr, CL: tl.constexpr,
    CS: tl.constexpr, K: tl.constexpr, PAD: tl.constexpr, RELU_LARGE: tl.constexpr, RELU_SMALL: tl.constexpr,
    PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """DW[part, member, :, kh] = sum over the part's places of SMALL[i, j] LARGE[2i + kh - PAD, 2j - PAD + (0..K-1)]^T.

    SUMS[part, member] are the sums of SMALL over the part's places.
    """
    kh, part = tl.program_id(0), tl.program_id(2)
    member = tl.program_id(1).to(tl.int64)
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    places = batch * HO * WO
    share = tl.cdiv(tl.cdiv(places, parts), BLOCK) * BLOCK
    tap, cs = tl.arange(0, K * CL), tl.arange(0, CS)  # the taps of a row lie side by side in memory
    large, small = LARGE + member * batch * H * WIDTH * CL, SMALL + member * places * CS
    total = tl.zeros((CS, K * CL), tl.float32)
    seen = tl.zeros((BLOCK, CS), tl.float32)
    for start in range(part * share, tl.minimum((part + 1) * share, places), BLOCK):
        row = start + tl.arange(0, BLOCK)
        inside = row < places
        j, i, b = row % WO, (row // WO) % HO, row // (HO * WO)
        h, v = 2 * i + kh - PAD, (2 * j - PAD)[:, None] + (tap // CL)[None, :]
        there = (inside & (h >= 0) & (h < H))[:, None] & (v >= 0) & (v < WIDTH)
        first = ((b * H + h) * WIDTH + 2 * j - PAD) * CL
        a = tl.load(large + first[:, None] + tap[None, :], mask=there, other=0.0)
        d = tl.load(small + (row * CS)[:, None] + cs[None, :], mask=inside[:, None], other=0.0)
        if RELU_LARGE:
            a = tl.maximum(a, 0.0).to(a.dtype)  # of bfloat16 it gives 32-bit floats
        if RELU_SMALL:
            d = tl.maximum(d, 0.0).to(d.dtype)  # of bfloat16 it gives 32-bit floats
        else:
            seen += d.to(tl.float32)
        total = tl.dot(tl.trans(d), a, total, input_precision=PRECISION)
    dw = DW + (part * members + member) * (CS * K * K * CL) + kh * (K * CL)
    tl.store(dw + cs[:, None] * (K * K * CL) + tap[None, :], total)
    if not RELU_SMALL:  # noqa: SIM102  (the one is known when the kernel is compiled, the other when it runs)
        if kh == 0:
            tl.store(SUMS + (part * members + member) * CS + cs, tl.sum(seen, axis=0))


@triton.jit
def _convolution_of_few(
    X, W, BIAS, MASK, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    BIASED: tl.constexpr, MASKED: tl.constexpr, PRECISION: tl.constexpr, TAPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`_convolution` 4x4 of few input channels, without a ReLU: one product over all 16 CI taps, padded to TAPS."""
    member = tl.program_id(1).to(tl.int64)
    HO: tl.constexpr = H // 2
    WO: tl.constexpr = WIDTH // 2
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * HO * WO
    tap, co = tl.arange(0, TAPS), tl.arange(0, CO)
    a = _patches(X + member * batch * H * WIDTH * CI, row, inside, tap, H, WIDTH, CI)
    place = member * (16 * CI * CO) + tap[:, None] + co[None, :] * (16 * CI)
    w = tl.load(W + place, mask=(tap < 16 * CI)[:, None], other=0.0)
    total = tl.dot(a, w, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    place = member * batch * HO * WO * CO + (row * CO)[:, None] + co[None, :]
    if MASKED:
        total = tl.where(tl.load(MASK + place, mask=inside[:, None], other=0.0) > 0, total, 0.0)
    tl.store(Y + place, total.to(Y.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _weight_gradient_of_few(
    LARGE, SMALL, DW, SUMS, batch, members, parts, H: tl.constexpr, WIDTH: tl.constexpr, CL: tl.constexpr,
    CS: tl.constexpr, RELU_SMALL: tl.constexpr, PRECISION: tl.constexpr, TAPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`_weight_gradient` 4x4 of few channels of the larger map: all taps at once."""
    part = tl.program_id(0)
    member = tl.program_id(1).to(tl.int64)
    places = batch * (H // 2) * (WIDTH // 2)
    share = tl.cdiv(tl.cdiv(places, parts), BLOCK) * BLOCK
    tap, cs = tl.arange(0, TAPS), tl.arange(0, CS)
    total = tl.zeros((TAPS, CS), tl.float32)
    seen = tl.zeros((BLOCK, CS), tl.float32)
    for start in range(part * share, tl.minimum((part + 1) * share, places), BLOCK):
        row = start + tl.arange(0, BLOCK)
        inside = row < places
        a = _patches(LARGE + member * batch * H * WIDTH * CL, row, inside, tap, H, WIDTH, CL)
        d = tl.load(SMALL + member * places * CS + (row * CS)[:, None] + cs[None, :], mask=inside[:, None], other=0.0)
        if RELU_SMALL:
            d = tl.maximum(d, 0.0).to(d.dtype)  # of bfloat16 it gives 32-bit floats
        else:
            seen += d.to(tl.float32)
        total = tl.dot(tl.trans(a), d, total, input_precision=PRECISION)
    dw = DW + (part * members + member) * (16 * CL * CS)
    tl.store(dw + cs[None, :] * (16 * CL) + tap[:, None], total, mask=(tap < 16 * CL)[:, None])
    if not RELU_SMALL:
        tl.store(SUMS + (part * members + member) * CS + cs, tl.sum(seen, axis=0))


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
    RELU: tl.constexpr, BIASED: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr,
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
            if RELU:
                a = tl.maximum(a, 0.0).to(a.dtype)  # of bfloat16 it gives 32-bit floats
            g = tl.load(
                w + ci[:, None] * (16 * CO) + ((kh * 4 + kw) * CO + co)[None, :], mask=reached[None, :], other=0.0
            )
            total = tl.dot(a, g, total, input_precision=PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    h, v = (2 * i)[:, None] + odd_row[None, :], (2 * j)[:, None] + odd_column[None, :]
    place = (((b * (2 * H))[:, None] + h) * (2 * WIDTH) + v) * CO + co[None, :]
    y = Y + member * batch * 4 * H * WIDTH * CO + place
    tl.store(y, total.to(Y.dtype.element_ty), mask=inside[:, None] & (column < 4 * CO)[None, :])


class Kernels(MatMul):
    """Convolutions by the kernels above; layers that they do not take by matrix products over patches."""

    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        k, outputs, inputs = weight.shape[-1], *weight.shape[1:3]
        few = inputs <= FEW_CHANNELS and k == 4 and not relu
        if not (_many(outputs) and (_many(inputs) or few)):
            return super().convolve(h, weight, bias, relu=relu)
        return _Convolution.apply(*_cast(h, weight), bias, relu)

    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        inputs, outputs = weight.shape[1:3]
        if not (_many(inputs) and (_many(outputs) or outputs <= FEW_CHANNELS)):
            return super().transpose(h, weight, bias, relu=relu)
        return _Transposed.apply(*_cast(h, weight), bias, relu)


class _Convolution(torch.autograd.Function):
    """Convolution with bias of x (K, B, H, W, large), through a ReLU or not, and w (K, small, k, k, large)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor, relu: bool) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.relu = relu
        return convolution(x, w, bias, relu=relu)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, w = ctx.saved_tensors
        dy = dy.contiguous()
        dw, db = weight_gradient(x, dy, w.shape[2], relu_large=ctx.relu)
        dx = transposed(dy, w, mask=x if ctx.relu else None) if ctx.needs_input_grad[0] else None  # images need none
        return dx, dw.to(w.dtype), db, None


class _Transposed(torch.autograd.Function):
    """Transposed one with bias of x (K, B, H, W, small), through a ReLU or not, and w (K, small, 4, 4, large)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor, relu: bool) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.relu = relu
        return transposed(x, w, bias, relu=relu)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, w = ctx.saved_tensors
        dy = dy.contiguous()
        dw, _ = weight_gradient(dy, x, 4, relu_small=ctx.relu)
        dx, db = convolution_and_sums(dy, w, mask=x if ctx.relu else None)
        return dx, dw.to(w.dtype), db, None


def convolution(x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Tensor:
    """Convolution of x (K, B, H, W, large), through a ReLU or not, with w (K, small, k, k, large)."""
    return _convolve(x, w, bias, relu, None, None)


def convolution_and_sums(dy: Tensor, w: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Convolution of dy, 0 where `mask` is not above 0, and the sums of dy over images and places, (K, large)."""
    members, batch, height, width, large = dy.shape
    if large <= FEW_CHANNELS:
        return _convolve(dy, w, None, False, mask, None), dy.sum(dim=(1, 2, 3), dtype=torch.float32)
    programs = triton.cdiv(batch * height * width // 4, _rows(dy, batch * height * width // 4)[1])
    sums = torch.empty(programs, members, large, dtype=torch.float32, device=dy.device)
    return _convolve(dy, w, None, False, mask, sums), sums.sum(dim=0)


def _convolve(
    x: Tensor, w: Tensor, bias: Tensor | None, relu: bool, mask: Tensor | None, sums: Tensor | None
) -> Tensor:
    members, batch, height, width, large = x.shape
    small, k = w.shape[1:3]
    y = x.new_empty(members, batch, height // 2, width // 2, small)
    places = batch * height * width // 4
    precision, rows = _rows(x, places)
    grid = (triton.cdiv(places, rows), members)
    biased, masked = bias is not None, mask is not None
    if large <= FEW_CHANNELS:
        _convolution_of_few[grid](
            x, w, bias if biased else x, mask if masked else x, y, batch, height, width, large, small, biased, masked,
            precision, _taps(large), rows,
        )  # fmt: skip
    else:
        _convolution[grid](
            x, w, bias if biased else x, mask if masked else x, y, x if sums is None else sums, batch, members, height,
            width, large, small, k, (k - 2) // 2, relu, biased, masked, sums is not None, precision, rows,
        )  # fmt: skip
    return y


def transposed(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, relu: bool = False, mask: Tensor | None = None
) -> Tensor:
    """Transposed convolution of x (K, B, H, W, small), through a ReLU or not, with w (K, small, k, k, large).

    Where there is a `mask`, the result is 0 where that is not above 0.
    """
    members, batch, height, width, small = x.shape
    k, large = w.shape[3:]
    y = x.new_empty(members, batch, 2 * height, 2 * width, large)
    places = batch * height * width
    precision, rows = _rows(x, places)
    biased, masked = bias is not None, mask is not None
    if large <= FEW_CHANNELS:
        assert not masked  # images go through no ReLU
        _transposed_to_few[triton.cdiv(places, rows), members](
            x, w, bias if biased else x, y, batch, height, width, small, large, relu, biased, precision, rows
        )
        return y
    _transposed[triton.cdiv(places, rows), members, 4](
        x, w, bias if biased else x, mask if masked else x, y, batch, height, width, small, large, k, relu, biased,
        masked, precision, rows,
    )  # fmt: skip
    return y


def weight_gradient(
    large: Tensor, small: Tensor, k: int, *, relu_large: bool = False, relu_small: bool = False
) -> tuple[Tensor, Tensor]:
    """Gradient of weights (K, small, k, k, large) between two maps, float32, and the sums of `small` over places.

    Either map is taken through a ReLU where that is asked for; the sums (K, small) have no meaning for one that is.
    """
    members, batch, height, width, inputs = large.shape
    outputs = small.shape[4]
    precision, _ = _rows(large, 0)
    count = _parts(batch * height * width // 4)
    parts = torch.empty(count, members, outputs, k, k, inputs, dtype=torch.float32, device=large.device)
    sums = torch.empty(count, members, outputs, dtype=torch.float32, device=large.device)
    if inputs <= FEW_CHANNELS:
        _weight_gradient_of_few[count, members](
            large, small, parts, sums, batch, members, count, height, width, inputs, outputs, relu_small, precision,
            _taps(inputs), ROWS[precision] // 2,
        )  # fmt: skip
    else:
        warps = 8 if precision == "tf32x3" else max(2, k * inputs * outputs // 4096)
        _weight_gradient[k, members, count](
            large, small, parts, sums, batch, members, count, height, width, inputs, outputs, k, (k - 2) // 2,
            relu_large, relu_small, precision, GRADIENT_ROWS, num_warps=warps, num_stages=4,
        )  # fmt: skip
    return parts.sum(dim=0), sums.sum(dim=0)


def _many(channels: int) -> bool:
    """Whether matrix units take this number of channels."""
    return channels >= LEAST_CHANNELS and channels & (channels - 1) == 0


def _taps(inputs: int) -> int:
    """Taps of a 4x4 patch, padded to a power of two."""
    return triton.next_power_of_2(16 * inputs)


def _parts(places: int) -> int:
    """Programs that share a sum over places; it does not depend on the fleet, so that neither do results."""
    return max(1, min(FEW_PARTS, places // LEAST_PLACES), min(MOST_PARTS, places // PLACES_A_PART))


def _cast(h: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both contiguous, weights as (K, small, k, k, large), in the type that autocast asks for."""
    kind = h.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else h.dtype
    return h.to(dtype).contiguous(), weight.permute(0, 1, 3, 4, 2).to(dtype).contiguous()


def _rows(x: Tensor, places: int) -> tuple[str, int]:
    """How kernels multiply float32, whole (as three tf32 products) or as tf32, and the places a program computes."""
    whole = x.dtype == torch.float32 and torch.get_float32_matmul_precision() == "highest"
    precision = "tf32x3" if whole else "tf32"
    return precision, max(LEAST_ROWS, min(ROWS[precision], triton.next_power_of_2(places // ROWS_SHARE + 1) // 2))
