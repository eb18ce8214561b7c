"""Comparisons of pairs of pixels in the Triton kernels of pairwise attention.

A program's rows are PIXELS pixels of the whole batch, and it goes through one offset of the window after another. The
relation of a pair is two tiles of channels: `near`, the first IN_TILE channels of the relation, and `extra`, the other
EXTRAS: the positions, after the scalar product where that is the relation. So the few positions do not double what the
keys' channels are padded to. For the scalar product `near` holds its terms, which are channels of no relation.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_maps import load_channels
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


@triton.constexpr_function
def is_product(kind):
    """Return whether a relation's gradients take the other pixel's channels."""
    return kind in (HADAMARD.value, DOT.value)


@triton.jit
def load_near(
    ptr, at, real, stride_c, OF_KEY: tl.constexpr, KIND: tl.constexpr, RELATED: tl.constexpr, PADDED: tl.constexpr
):
    """Channels that a query or a key gives to `near`; in a concatenation each has channels of its own."""
    if OF_KEY and KIND == CONCATENATION:
        channels = load_channels(ptr, at, real, stride_c, 0, RELATED, RELATED, PADDED)
    else:
        channels = load_channels(ptr, at, real, stride_c, 0, RELATED, 0, PADDED)
    return channels


@triton.jit
def load_extra(
    ptr, at, real, stride_c, KIND: tl.constexpr, RELATED: tl.constexpr, EXTRAS: tl.constexpr, PADDED: tl.constexpr
):
    """Channels that a query or a key gives to `extra`: its positions."""
    if KIND == DOT:
        channels = load_channels(ptr, at, real, stride_c, RELATED, EXTRAS - 1, 1, PADDED)
    else:
        channels = load_channels(ptr, at, real, stride_c, RELATED, EXTRAS, 0, PADDED)
    return channels


@triton.jit
def relate(query, key, query_extra, key_extra, KIND: tl.constexpr):
    """Both tiles of the relations of pairs."""
    extra = query_extra - key_extra
    if is_product(KIND):
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
    """Return the gradient of `near` that the queries have, from those of the tiles; of `extra` it is `extra_grad`."""
    if KIND == HADAMARD:
        near_grad *= key
    elif KIND == DOT:
        near_grad = column(extra_grad, 0)[:, None] * key
    return near_grad


@triton.jit
def key_gradient(near_grad, extra_grad, query, KIND: tl.constexpr):
    """Return the gradient of `near` that the keys have; of `extra` it is minus `extra_grad`."""
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
