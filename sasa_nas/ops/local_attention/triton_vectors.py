"""Parts shared by the Triton kernels of window attention: how vectors of a map of heads are read and written.

A map of heads is `(batch, y, x, head, channel)` in any memory layout: kernels take its five strides and never copy it.
The first four are in words of WORD elements, a constant, so that the compiler sees which addresses are aligned and
reads whole words; the channels' is in elements, and 1 where WORD is more. Results are contiguous.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)

SIZES = [
    *("places", "heads", "height", "width", "out_height", "out_width", "blocks_y", "blocks_x", "reach_y", "reach_x"),
    *(f"{name}_s{axis}" for name in ("query", "key", "value", "grad_out") for axis in "byxh"),
]
"""Numbers that a kernel is not compiled anew for, such as it would be for a map whose width is a multiple of 16."""


NOWHERE = tl.constexpr(1.0e30)
"""The log-sum-exp of a query that is not there: all of its weights are 0."""


@triton.jit
def store_log_sum_exp(ptr, index, peak, total, mask):
    """Write the natural logarithm of `total * 2 ** peak`, from as many digits as the memory's type has."""
    exact = ptr.dtype.element_ty
    tl.store(ptr + index, (peak.to(exact) + tl.log2(total.to(exact))) * LN_2, mask=mask)


@triton.jit
def load_log_sum_exp(ptr, index, mask):
    """Return a log-sum-exp to base 2 as the sum of two float32 numbers; the second is 0 if the memory is float32."""
    lse = tl.load(ptr + index, mask=mask, other=NOWHERE) * LOG2_E
    high = lse.to(tl.float32)
    return high, (lse - high).to(tl.float32)


@triton.jit
def load_vectors(ptr, offsets, mask, stride_c, CHANNELS: tl.constexpr, PADDED: tl.constexpr, WORD: tl.constexpr):
    """Vectors at `offsets` words, `(*offsets.shape, PADDED)`, zero where masked and beyond CHANNELS."""
    channel = tl.arange(0, PADDED)
    offsets *= WORD
    if len(offsets.shape) == 1:
        at = offsets[:, None] + channel.to(offsets.dtype)[None, :] * stride_c
        seen = mask[:, None] & (channel < CHANNELS)[None, :]
    else:
        at = offsets[:, :, None] + channel.to(offsets.dtype)[None, None, :] * stride_c
        seen = mask[:, :, None] & (channel < CHANNELS)[None, None, :]
    return tl.load(ptr + at, mask=seen, other=0.0)


@triton.jit
def store_vectors(ptr, index, vectors, mask, CHANNELS: tl.constexpr, PADDED: tl.constexpr):
    """Write `vectors` as the vectors number `index` of a contiguous map, in the map's type."""
    channel = tl.arange(0, PADDED)
    if len(index.shape) == 1:
        at = (index * CHANNELS)[:, None] + channel[None, :]
        seen = mask[:, None] & (channel < CHANNELS)[None, :]
    else:
        at = (index * CHANNELS)[:, :, None] + channel[None, None, :]
        seen = mask[:, :, None] & (channel < CHANNELS)[None, None, :]
    tl.store(ptr + at, vectors.to(ptr.dtype.element_ty), mask=seen)


@triton.jit
def table_of_program(table_ptr, heads, PER_HEAD: tl.constexpr, SIZE: tl.constexpr):
    """Return the start of the program's table of SIZE elements; with tables for every head a program has one head."""
    if PER_HEAD:
        table_ptr += (tl.program_id(0) % heads) * SIZE
    return table_ptr


@triton.jit
def weight_of(exponent):
    """Return the weight of a key, from its logit less the query's log-sum-exp to base 2: a number up to 1, or NaN.

    Where logits are huge, a sum in another order than the forward pass's is off by more than one, and its power would
    overflow.
    """
    return tl.exp2(tl.minimum(exponent, 0.0, propagate_nan=tl.PropagateNan.ALL))
