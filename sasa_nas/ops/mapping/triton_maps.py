"""Reads and writes of pixels in SAN's Triton kernels: a program's rows, and maps' channels at them.

Maps may have any strides, between pixels in words of elements, a constant, so that the compiler knows what is aligned
and reads whole words; addresses are 64 bits wide. Tiles are float32, padded to powers of two by zeros.

A tile of values is `(P, groups, shared)`: group g of weight channel w is channel `g * weight_channels + w`. Matrix
products may pad the weight channels further than values do.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

SIZES = ["places", "height", "width", "norm_step"]
"""Numbers that a kernel is not compiled anew for."""


@triton.jit
def pixels_of_program(height, width, places, PIXELS: tl.constexpr):
    """Return the numbers of a program's pixels in the batch, images (int64), rows, columns, and a mask of real ones."""
    place = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    batch = (place // (height * width)).to(tl.int64)
    return place, batch, place // width % height, place % width, place < places


@triton.jit
def pixel_offsets(batch, y, x, stride_b, stride_y, stride_x, WORD: tl.constexpr):
    """Offsets of pixels in a map whose strides are in words of WORD elements."""
    return (batch * stride_b + y.to(tl.int64) * stride_y + x.to(tl.int64) * stride_x) * WORD


@triton.jit
def load_channels(
    ptr, at, real, stride_c, FIRST: tl.constexpr, COUNT: tl.constexpr, SKIP: tl.constexpr, PADDED: tl.constexpr
):
    """COUNT channels of a map's pixels from channel FIRST on, after SKIP zeros: `(P, PADDED)`."""
    index = tl.arange(0, PADDED)
    channel = (index - SKIP + FIRST).to(tl.int64)
    seen = real[:, None] & ((index >= SKIP) & (index < SKIP + COUNT))[None, :]
    return tl.load(ptr + at[:, None] + (channel * stride_c)[None, :], mask=seen, other=0.0).to(tl.float32)


@triton.jit
def store_channels(ptr, at, real, stride_c, channels, COUNT: tl.constexpr):
    """Write the first COUNT channels of a map's pixels."""
    channel = tl.arange(0, channels.shape[1])
    seen = real[:, None] & (channel < COUNT)[None, :]
    offsets = at[:, None] + (channel.to(tl.int64) * stride_c)[None, :]
    tl.store(ptr + offsets, channels.to(ptr.dtype.element_ty), mask=seen)


@triton.jit
def load_values(
    ptr,
    at,
    real,
    stride_c,
    first,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    SHARED: tl.constexpr,
    COUNT: tl.constexpr,
):
    """COUNT groups of a map's values from group `first` on, `(P, COUNT, SHARED)`; zero beyond GROUPS."""
    ptr += tl.cast(first * WEIGHTS, tl.int64) * stride_c
    if WEIGHTS == SHARED and GROUPS % COUNT == 0:
        # neighbours in memory are neighbours in the tile
        values = load_channels(ptr, at, real, stride_c, 0, COUNT * WEIGHTS, 0, COUNT * WEIGHTS)
        values = tl.reshape(values, [values.shape[0], COUNT, WEIGHTS])
    else:
        offsets, seen = value_offsets(at, real, stride_c, GROUPS - first, WEIGHTS, SHARED, COUNT)
        values = tl.load(ptr + offsets, mask=seen, other=0.0).to(tl.float32)
    return values


@triton.jit
def value_products(
    left_ptr,
    left_at,
    left_sc,
    right_ptr,
    right_at,
    right_sc,
    real,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    SHARED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
    TOGETHER: tl.constexpr,
):
    """`(P, SHARED)`: the products of two maps' values, summed over groups, of which TOGETHER are read at once."""
    sums = tl.zeros([real.shape[0], SHARED], tl.float32)
    for block in range(GROUPS_PADDED // TOGETHER):
        left = load_values(left_ptr, left_at, real, left_sc, block * TOGETHER, WEIGHTS, GROUPS, SHARED, TOGETHER)
        right = load_values(right_ptr, right_at, real, right_sc, block * TOGETHER, WEIGHTS, GROUPS, SHARED, TOGETHER)
        sums += tl.sum(left * right, 1)
    return sums


@triton.jit
def store_values(ptr, at, real, stride_c, values, WEIGHTS: tl.constexpr, GROUPS: tl.constexpr):
    """Write what `load_values` reads."""
    if values.shape[2] == WEIGHTS and values.shape[1] == GROUPS:
        values = tl.reshape(values, [values.shape[0], GROUPS * WEIGHTS])
        channel = tl.arange(0, GROUPS * WEIGHTS).to(tl.int64)
        offsets = at[:, None] + (channel * stride_c)[None, :]
        tl.store(ptr + offsets, values.to(ptr.dtype.element_ty), mask=real[:, None] & (channel >= 0)[None, :])
    else:
        offsets, seen = value_offsets(at, real, stride_c, GROUPS, WEIGHTS, values.shape[2], values.shape[1])
        tl.store(ptr + offsets, values.to(ptr.dtype.element_ty), mask=seen)


@triton.jit
def value_offsets(at, real, stride_c, groups, WEIGHTS: tl.constexpr, SHARED: tl.constexpr, COUNT: tl.constexpr):
    """Offsets of padded values, and a mask of those that `groups` groups have."""
    group = tl.arange(0, COUNT)[None, :, None]
    weight = tl.arange(0, SHARED)[None, None, :]
    channel = (group * WEIGHTS + weight).to(tl.int64)
    seen = real[:, None, None] & (group < groups) & (weight < WEIGHTS)
    return at[:, None, None] + channel * stride_c, seen


@triton.jit
def shared_by_values(weights, SHARED: tl.constexpr):
    """`(P, SHARED)` of weights `(P, padded)` as matrix products pad them; the padding must be zero."""
    if weights.shape[1] > SHARED:
        weights = tl.sum(tl.reshape(weights, [weights.shape[0], weights.shape[1] // SHARED, SHARED]), 1)
    return weights


@triton.jit
def padded_for_products(weights, PADDED: tl.constexpr):
    """`(P, PADDED)` of `(P, SHARED)`; the padding is anything."""
    if weights.shape[1] < PADDED:
        copies: tl.constexpr = PADDED // weights.shape[1]
        repeated = tl.broadcast_to(weights[:, None, :], [weights.shape[0], copies, weights.shape[1]])
        weights = tl.reshape(repeated, [weights.shape[0], PADDED])
    return weights
