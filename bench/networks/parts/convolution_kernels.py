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

Each number that a program writes is added up in one order, tap by tap and channel by channel, which no layout over
threads divides. So neither the number of warps and stages changes it, nor the rows (`BLOCK`) where they are places of
an output, nor whether a loop over taps is unrolled (`LOOPED`: then the loads of the next taps are under way while one
is multiplied). Only where rows are what is summed over, in the gradients of weights, are they fixed. `kernel_choices`
rests on that, and checks it on the card, where rows and warps decide as well which instruction multiplies.

Activations are (K, batch, height, width, channels). Weights lie as the parameters do: (K, small, k, k, large), where
"large" are the channels on the side of the larger map (a convolution's input, a transposed one's output) and "small"
those of the other. Inductor's templates, whose loop over taps is flattened, are known to give wrong results (pytorch
#173068, #189660): here taps are unrolled, or looped over only where that gives the same bits.
"""

import triton
import triton.language as tl

GROUP = tl.constexpr(32)  # rows whose sum a kernel writes


@triton.jit
def _convolution(
    X, W, BIAS, MASK, Y, SUMS, batch, members, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr,
    CO: tl.constexpr, K: tl.constexpr, PAD: tl.constexpr, RELU: tl.constexpr, BIASED: tl.constexpr,
    MASKED: tl.constexpr, SUMMED: tl.constexpr, PRECISION: tl.constexpr, LOOPED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Y[b, i, j] = sum over taps of relu(X)[b, 2i + kh - PAD, 2j + kw - PAD] W[:, kh, kw]^T.

    MASKED: Y is 0 where MASK is not above 0. SUMMED: SUMS[group, member] are the sums of the part of X that lies
    under a group of rows.
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
    if LOOPED:
        for kh in range(K):
            total, seen = _taps_of_a_row(
                x, w, i, j, inside, kh, total, seen, H, WIDTH, CI, K, PAD, RELU, SUMMED, PRECISION
            )
    else:
        for kh in tl.static_range(K):
            total, seen = _taps_of_a_row(
                x, w, i, j, inside, kh, total, seen, H, WIDTH, CI, K, PAD, RELU, SUMMED, PRECISION
            )
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    place = member * batch * HO * WO * CO + (row * CO)[:, None] + co[None, :]
    if MASKED:
        total = tl.where(tl.load(MASK + place, mask=inside[:, None], other=0.0).to(tl.float32) > 0, total, 0.0)
    tl.store(Y + place, total.to(Y.dtype.element_ty), mask=inside[:, None])
    if SUMMED:
        _store_sums(SUMS, tl.program_id(0), member, members, tl.cdiv(batch * HO * WO, GROUP), seen, CI, BLOCK)


@triton.jit
def _taps_of_a_row(
    x, w, i, j, inside, kh, total, seen, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, K: tl.constexpr,
    PAD: tl.constexpr, RELU: tl.constexpr, SUMMED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`total` with the products of one row of taps, and `seen` with what of X they meet for the first time."""
    ci = tl.arange(0, CI)
    for kw in tl.static_range(K):
        h, v = 2 * i + kh - PAD, 2 * j + kw - PAD
        there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
        a = tl.load(x[:, None] + ((h * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
        if RELU:
            a = tl.maximum(a, 0.0).to(a.dtype)  # of bfloat16 it gives 32-bit floats
        if SUMMED and (kw - PAD) // 2 == 0:  # with the two rows of taps from PAD on, these meet each place once
            seen += tl.where((kh == PAD) | (kh == PAD + 1), a, 0.0).to(tl.float32)
        total = tl.dot(a, tl.load(w + (kh * K + kw) * CI), total, input_precision=PRECISION)
    return total, seen


@triton.jit
def _store_sums(SUMS, block, member, members, count, seen, C: tl.constexpr, BLOCK: tl.constexpr):
    """Store the sums of `seen` over each group of rows, (count, members, C).

    They are added by pairs, whose order no layout over threads can change.
    """
    groups: tl.constexpr = BLOCK // GROUP
    pairs = tl.sum(tl.reshape(seen, (groups, 2, 16, C)), axis=1)
    pairs = tl.sum(tl.reshape(pairs, (groups, 2, 8, C)), axis=1)
    pairs = tl.sum(tl.reshape(pairs, (groups, 2, 4, C)), axis=1)
    pairs = tl.sum(tl.reshape(pairs, (groups, 2, 2, C)), axis=1)
    group, c = block * groups + tl.arange(0, groups), tl.arange(0, C)
    place = ((group * members + member) * C)[:, None] + c[None, :]
    tl.store(SUMS + place, tl.sum(pairs, axis=1), mask=(group < count)[:, None])


@triton.jit
def _transposed(
    X, W, BIAS, MASK, Y, batch, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr, CO: tl.constexpr,
    K: tl.constexpr, RELU: tl.constexpr, BIASED: tl.constexpr, MASKED: tl.constexpr, PRECISION: tl.constexpr,
    LOOPED: tl.constexpr, BLOCK: tl.constexpr,
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
    if LOOPED:
        for first in range(K // 2):
            total = _taps_of_a_phase(
                x, w, i, j, inside, odd_row, odd_column, first, total, H, WIDTH, CI, CO, K, RELU, PRECISION
            )
    else:
        for first in tl.static_range(K // 2):
            total = _taps_of_a_phase(
                x, w, i, j, inside, odd_row, odd_column, first, total, H, WIDTH, CI, CO, K, RELU, PRECISION
            )
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    pixel = (b * (2 * H) + 2 * i + odd_row) * (2 * WIDTH) + 2 * j + odd_column
    place = member * batch * 4 * H * WIDTH * CO + (pixel * CO)[:, None] + co[None, :]
    if MASKED:
        total = tl.where(tl.load(MASK + place, mask=inside[:, None], other=0.0).to(tl.float32) > 0, total, 0.0)
    tl.store(Y + place, total.to(Y.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _taps_of_a_phase(
    x, w, i, j, inside, odd_row, odd_column, first, total, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr,
    CO: tl.constexpr, K: tl.constexpr, RELU: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`total` with the products of the first or second row of taps that reach a phase."""
    ci = tl.arange(0, CI)
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
    return total


@triton.jit
def _weight_gradient(
    LARGE, SMALL, DW, SUMS, batch, members, parts, H: tl.constexpr, WIDTH: tl.constexpr, CL: tl.constexpr,
    CS: tl.constexpr, K: tl.constexpr, PAD: tl.constexpr, RELU_LARGE: tl.constexpr, RELU_SMALL: tl.constexpr,
    PRECISION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """DW[part, member, :, kh] = sum over the part's places of SMALL[i, j] LARGE[2i + kh - PAD, 2j - PAD + (0..K-1)]^T.

    SUMS[part, group, member] are the sums of SMALL over the part's places.
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
            _store_sums(SUMS, part, member, members, parts * (BLOCK // GROUP), seen, CS, BLOCK)


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
        total = tl.where(tl.load(MASK + place, mask=inside[:, None], other=0.0).to(tl.float32) > 0, total, 0.0)
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
            d = tl.maximum(d, 0.0)
        else:
            seen += d.to(tl.float32)
        total = tl.dot(tl.trans(a), d.to(a.dtype), total, input_precision=PRECISION)
    dw = DW + (part * members + member) * (16 * CL * CS)
    tl.store(dw + cs[None, :] * (16 * CL) + tap[:, None], total, mask=(tap < 16 * CL)[:, None])
    if not RELU_SMALL:
        _store_sums(SUMS, part, member, members, parts * (BLOCK // GROUP), seen, CS, BLOCK)


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
    RELU: tl.constexpr, BIASED: tl.constexpr, PRECISION: tl.constexpr, LOOPED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`_transposed` to few output channels: the four phases are columns of one product, padded to 16."""
    member = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < batch * H * WIDTH
    j, i, b = row % WIDTH, (row // WIDTH) % H, row // (H * WIDTH)
    column = tl.arange(0, 16)
    odd_row, odd_column, co = column // (2 * CO), (column // CO) % 2, column % CO
    x = X + member * batch * H * WIDTH * CI
    w = W + member * (16 * CI * CO)
    total = tl.zeros((BLOCK, 16), tl.float32)
    if LOOPED:
        for down in range(-1, 2):
            total = _neighbours_of_a_row(x, w, b, i, j, inside, column, down, total, H, WIDTH, CI, CO, RELU, PRECISION)
    else:
        for down in tl.static_range(-1, 2):
            total = _neighbours_of_a_row(x, w, b, i, j, inside, column, down, total, H, WIDTH, CI, CO, RELU, PRECISION)
    if BIASED:
        total += tl.load(BIAS + member * CO + co)[None, :]
    h, v = (2 * i)[:, None] + odd_row[None, :], (2 * j)[:, None] + odd_column[None, :]
    place = (((b * (2 * H))[:, None] + h) * (2 * WIDTH) + v) * CO + co[None, :]
    y = Y + member * batch * 4 * H * WIDTH * CO + place
    tl.store(y, total.to(Y.dtype.element_ty), mask=inside[:, None] & (column < 4 * CO)[None, :])


@triton.jit
def _neighbours_of_a_row(
    x, w, b, i, j, inside, column, down, total, H: tl.constexpr, WIDTH: tl.constexpr, CI: tl.constexpr,
    CO: tl.constexpr, RELU: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`total` with the products of three neighbours: of the row before (down = -1), of this one or of the next."""
    ci = tl.arange(0, CI)
    odd_row, odd_column, co = column // (2 * CO), (column // CO) % 2, column % CO
    for right in tl.static_range(-1, 2):
        # the tap by which a neighbour reaches a phase: 1 + odd from the place itself; 3 from before, where the phase is
        # even; 0 from after, where it is odd
        kh = tl.where(down == 0, 1 + odd_row, tl.where(down < 0, 3, 0))
        kw = tl.where(right == 0, 1 + odd_column, tl.where(right < 0, 3, 0))
        reached = (column < 4 * CO) & (down * (down + 1 - 2 * odd_row) == 0)
        reached = reached & (right * (right + 1 - 2 * odd_column) == 0)
        h, v = i + down, j + right
        there = inside & (h >= 0) & (h < H) & (v >= 0) & (v < WIDTH)
        a = tl.load(x + (((b * H + h) * WIDTH + v) * CI)[:, None] + ci[None, :], mask=there[:, None], other=0.0)
        if RELU:
            a = tl.maximum(a, 0.0)
        g = tl.load(w + ci[:, None] * (16 * CO) + ((kh * 4 + kw) * CO + co)[None, :], mask=reached[None, :], other=0.0)
        total = tl.dot(a.to(g.dtype), g, total, input_precision=PRECISION)
    return total
