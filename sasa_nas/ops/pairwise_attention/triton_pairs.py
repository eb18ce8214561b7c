"""What the Triton kernels of pairwise attention share: which pixels a program handles, and how pairs are compared.

A program's rows are PIXELS pixels of the whole batch, and it goes through one offset of the window after another. The
relation of a pair is two tiles of channels: `near`, the first IN_TILE channels of the relation, and `extra`, the other
EXTRAS: the positions, after the scalar product where that is the relation. So the few positions do not double what the
keys' channels are padded to. For the scalar product `near` holds its terms, which are channels of no relation.

Maps may have any strides, between pixels in words of elements, a constant, so that the compiler knows what is aligned
and reads whole words; addresses are 64 bits wide. Tiles are float32, padded to powers of two by zeros.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_norms import normalised
from sasa_nas.ops.mapping.triton_products import apply, column

SUM = tl.constexpr(0)
SUBTRACTION = tl.constexpr(1)
HADAMARD = tl.constexpr(2)
CONCATENATION = tl.constexpr(3)
DOT = tl.constexpr(4)

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)

NOWHERE = tl.constexpr(1.0e30)
"""The log-sum-exp of a pixel that is not there: all of its weights are 0."""

SIZES = ["places", "height", "width"]
"""Numbers that a kernel is not compiled anew for."""


@triton.jit
def pixels_of_program(height, width, places, PIXELS: tl.constexpr):
    """The numbers of this program's pixels in the batch, their images (int64), rows and columns, and which are real."""
    place = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    batch = (place // (height * width)).to(tl.int64)
    return place, batch, place // width % height, place % width, place < places


@triton.jit
def pixel_offsets(batch, y, x, stride_b, stride_y, stride_x, WORD: tl.constexpr):
    """Where pixels are in a map whose strides are in words of WORD elements."""
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
def load_near(
    ptr, at, real, stride_c, OF_KEY: tl.constexpr, KIND: tl.constexpr, RELATED: tl.constexpr, PADDED: tl.constexpr
):
    """What a query or a key gives to `near`; in a concatenation each has channels of its own."""
    if OF_KEY and KIND == CONCATENATION:
        channels = load_channels(ptr, at, real, stride_c, 0, RELATED, RELATED, PADDED)
    else:
        channels = load_channels(ptr, at, real, stride_c, 0, RELATED, 0, PADDED)
    return channels


@triton.jit
def load_extra(
    ptr, at, real, stride_c, KIND: tl.constexpr, RELATED: tl.constexpr, EXTRAS: tl.constexpr, PADDED: tl.constexpr
):
    """What a query or a key gives to `extra`: its positions."""
    if KIND == DOT:
        channels = load_channels(ptr, at, real, stride_c, RELATED, EXTRAS - 1, 1, PADDED)
    else:
        channels = load_channels(ptr, at, real, stride_c, RELATED, EXTRAS, 0, PADDED)
    return channels


@triton.jit
def relate(query, key, query_extra, key_extra, KIND: tl.constexpr):
    """Both tiles of the relations of pairs."""
    extra = query_extra - key_extra
    if KIND == HADAMARD or KIND == DOT:
        near = query * key
    elif KIND == SUBTRACTION:
        near = query - key
    else:
        near = query + key
    if KIND == DOT:
        first = tl.arange(0, extra.shape[1]) == 0
        extra += tl.where(first[None, :], tl.sum(near, 1)[:, None], 0.0)
    return near, extra


@triton.jit
def query_gradient(near_grad, extra_grad, key, KIND: tl.constexpr):
    """The gradient of `near` that the queries have, from those of the tiles; of `extra` it is `extra_grad`."""
    if KIND == HADAMARD:
        near_grad *= key
    elif KIND == DOT:
        near_grad = column(extra_grad, 0)[:, None] * key
    return near_grad


@triton.jit
def key_gradient(near_grad, extra_grad, query, KIND: tl.constexpr):
    """The gradient of `near` that the keys have; of `extra` it is minus `extra_grad`."""
    if KIND == HADAMARD:
        near_grad *= query
    elif KIND == DOT:
        near_grad = column(extra_grad, 0)[:, None] * query
    elif KIND == SUBTRACTION:
        near_grad = -near_grad
    return near_grad


@triton.jit
def first_layer(
    near,
    extra,
    norm_ptr,
    near_matrix,
    extra_matrix,
    CHANNELS: tl.constexpr,
    IN_TILE: tl.constexpr,
    EXTRAS: tl.constexpr,
):
    """Norm, ReLU and product of the mapping's first layer, `(P, N)`."""
    if IN_TILE == 0:
        hidden = apply(normalised(extra, norm_ptr, CHANNELS, IN_TILE, EXTRAS), extra_matrix)
    else:
        hidden = apply(normalised(near, norm_ptr, CHANNELS, 0, IN_TILE), near_matrix)
        if EXTRAS > 0:
            hidden += apply(normalised(extra, norm_ptr, CHANNELS, IN_TILE, EXTRAS), extra_matrix)
    return hidden


@triton.jit
def load_values(
    ptr,
    at,
    real,
    stride_c,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    SHARED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
):
    """A map's values `(P, GROUPS_PADDED, SHARED)`: group g of weight channel w is channel g * WEIGHTS + w."""
    if WEIGHTS == SHARED and GROUPS == GROUPS_PADDED:
        # neighbours in memory are neighbours in the tile
        values = load_channels(ptr, at, real, stride_c, 0, GROUPS * WEIGHTS, 0, GROUPS * WEIGHTS)
        values = tl.reshape(values, [values.shape[0], GROUPS, WEIGHTS])
    else:
        offsets, seen = value_offsets(at, real, stride_c, WEIGHTS, GROUPS, SHARED, GROUPS_PADDED)
        values = tl.load(ptr + offsets, mask=seen, other=0.0).to(tl.float32)
    return values


@triton.jit
def store_values(ptr, at, real, stride_c, values, WEIGHTS: tl.constexpr, GROUPS: tl.constexpr):
    """Writes what `load_values` reads."""
    if WEIGHTS == values.shape[2] and GROUPS == values.shape[1]:
        values = tl.reshape(values, [values.shape[0], GROUPS * WEIGHTS])
        channel = tl.arange(0, GROUPS * WEIGHTS).to(tl.int64)
        offsets = at[:, None] + (channel * stride_c)[None, :]
        tl.store(ptr + offsets, values.to(ptr.dtype.element_ty), mask=real[:, None] & (channel >= 0)[None, :])
    else:
        offsets, seen = value_offsets(at, real, stride_c, WEIGHTS, GROUPS, values.shape[2], values.shape[1])
        tl.store(ptr + offsets, values.to(ptr.dtype.element_ty), mask=seen)


@triton.jit
def value_offsets(
    at, real, stride_c, WEIGHTS: tl.constexpr, GROUPS: tl.constexpr, SHARED: tl.constexpr, GROUPS_PADDED: tl.constexpr
):
    """Where values are that are padded, and which of them are there."""
    group = tl.arange(0, GROUPS_PADDED)[None, :, None]
    weight = tl.arange(0, SHARED)[None, None, :]
    channel = (group * WEIGHTS + weight).to(tl.int64)
    seen = real[:, None, None] & (group < GROUPS) & (weight < WEIGHTS)
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
