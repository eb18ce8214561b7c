"""Pairwise attention in Triton: the statistics of the mapping's norms, and the attention, offset by offset.

Nothing of a pair is in memory: each pass computes the relation, and what it needs of the mapping, from the keys and
queries. Statistics are means and squared deviations of a program's pairs, which are combined afterwards.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_maps import (
    SIZES,
    load_values,
    pixel_offsets,
    pixels_of_program,
    shared_by_values,
    store_values,
)
from sasa_nas.ops.mapping.triton_norms import combine_rows, normalised, welford
from sasa_nas.ops.mapping.triton_products import apply, load_matrix, load_vector, store_vector
from sasa_nas.ops.pairwise_attention.triton_pairs import (
    LN_2,
    LOG2_E,
    first_layer,
    load_extra,
    load_near,
    relate,
)
from sasa_nas.ops.window_sums.triton_tiles import reflected


@triton.jit(do_not_specialize=SIZES)
def statistics_kernel(
    query_ptr,
    key_ptr,
    first_norm_ptr,
    first_weight_ptr,
    parts_ptr,
    query_sb,
    query_sc,
    query_sy,
    query_sx,
    key_sb,
    key_sc,
    key_sy,
    key_sx,
    places,
    height,
    width,
    norm_step,
    OF_HIDDEN: tl.constexpr,
    KIND: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    RELATED: tl.constexpr,
    IN_TILE: tl.constexpr,
    EXTRAS: tl.constexpr,
    CHANNELS: tl.constexpr,
    HIDDEN: tl.constexpr,
    NEAR_PADDED: tl.constexpr,
    EXTRAS_PADDED: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
):
    """Write means and squared deviations of this program's pairs, `(2, channels)`.

    Those of the relation's channels, or those of the first layer's results (OF_HIDDEN).
    """
    _place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
    query = load_near(query_ptr, at, real, query_sc, False, KIND, RELATED, NEAR_PADDED)
    query_extra = load_extra(query_ptr, at, real, query_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
    if OF_HIDDEN:
        near_matrix = load_matrix(first_weight_ptr, 0, CHANNELS, HIDDEN, IN_TILE, HIDDEN_PADDED, NEAR_PADDED)
        extra_matrix = load_matrix(first_weight_ptr, IN_TILE, CHANNELS, HIDDEN, EXTRAS, HIDDEN_PADDED, EXTRAS_PADDED)
        mean = tl.zeros([PIXELS, HIDDEN_PADDED], tl.float32)
    else:
        mean = tl.zeros([PIXELS, NEAR_PADDED], tl.float32)
    squares = mean
    extra_mean = tl.zeros([PIXELS, EXTRAS_PADDED], tl.float32)
    extra_squares = extra_mean
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        first_norm_ptr += norm_step
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
        at = pixel_offsets(batch, seen_y, seen_x, key_sb, key_sy, key_sx, KEY_WORD)
        key = load_near(key_ptr, at, real, key_sc, True, KIND, RELATED, NEAR_PADDED)
        key_extra = load_extra(key_ptr, at, real, key_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
        near, extra = relate(query, key, query_extra, key_extra, KIND)
        if OF_HIDDEN:
            hidden = first_layer(near, extra, first_norm_ptr, near_matrix, extra_matrix, CHANNELS, IN_TILE, EXTRAS)
            mean, squares = welford(mean, squares, hidden, offset + 1)
        else:
            mean, squares = welford(mean, squares, near, offset + 1)
            extra_mean, extra_squares = welford(extra_mean, extra_squares, extra, offset + 1)
    mean, squares = combine_rows(mean, squares, real, KERNEL_SIZE * KERNEL_SIZE)
    if OF_HIDDEN:
        parts_ptr += tl.program_id(0).to(tl.int64) * (2 * HIDDEN)
        store_vector(parts_ptr, mean, HIDDEN)
        store_vector(parts_ptr + HIDDEN, squares, HIDDEN)
    else:
        parts_ptr += tl.program_id(0).to(tl.int64) * (2 * CHANNELS)
        if IN_TILE > 0:
            store_vector(parts_ptr, mean, IN_TILE)
            store_vector(parts_ptr + CHANNELS, squares, IN_TILE)
        if EXTRAS > 0:
            mean, squares = combine_rows(extra_mean, extra_squares, real, KERNEL_SIZE * KERNEL_SIZE)
            store_vector(parts_ptr + IN_TILE, mean, EXTRAS)
            store_vector(parts_ptr + CHANNELS + IN_TILE, squares, EXTRAS)


@triton.jit
def weight_offsets(batch, y, x, height, width, channel, WEIGHTS: tl.constexpr):
    """Offsets of channels `(1, n)` of pixels in a contiguous map of WEIGHTS channels."""
    area = tl.cast(height * width, tl.int64)
    return (batch * WEIGHTS * area + y * width + x)[:, None] + channel * area


@triton.jit
def logits_of(
    hidden, second_norm_ptr, second_matrix, bias_ptr, LAYERS: tl.constexpr, HIDDEN: tl.constexpr, WEIGHTS: tl.constexpr
):
    """Return the mapping's results from those of its first layer."""
    logits = hidden
    if LAYERS == 2:
        logits = apply(normalised(hidden, second_norm_ptr, HIDDEN, 0, HIDDEN), second_matrix)
    return logits + load_vector(bias_ptr, WEIGHTS, logits.shape[1])[None, :]


@triton.jit(do_not_specialize=SIZES)
def forward_kernel(
    query_ptr,
    key_ptr,
    value_ptr,
    first_norm_ptr,
    first_weight_ptr,
    second_norm_ptr,
    second_weight_ptr,
    bias_ptr,
    out_ptr,
    lse_ptr,
    query_sb,
    query_sc,
    query_sy,
    query_sx,
    key_sb,
    key_sc,
    key_sy,
    key_sx,
    value_sb,
    value_sc,
    value_sy,
    value_sx,
    out_sb,
    out_sc,
    out_sy,
    out_sx,
    places,
    height,
    width,
    norm_step,
    LAYERS: tl.constexpr,
    KIND: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    RELATED: tl.constexpr,
    IN_TILE: tl.constexpr,
    EXTRAS: tl.constexpr,
    CHANNELS: tl.constexpr,
    HIDDEN: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    NEAR_PADDED: tl.constexpr,
    EXTRAS_PADDED: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    WEIGHTS_PADDED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
    SHARED: tl.constexpr,
    PIXELS: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
    OUT_WORD: tl.constexpr,
):
    """Write the attention, and the natural log-sum-exp of its logits, a contiguous `(B, WEIGHTS, H, W)`."""
    _place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
    query = load_near(query_ptr, at, real, query_sc, False, KIND, RELATED, NEAR_PADDED)
    query_extra = load_extra(query_ptr, at, real, query_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
    near_matrix = load_matrix(first_weight_ptr, 0, CHANNELS, HIDDEN, IN_TILE, HIDDEN_PADDED, NEAR_PADDED)
    extra_matrix = load_matrix(first_weight_ptr, IN_TILE, CHANNELS, HIDDEN, EXTRAS, HIDDEN_PADDED, EXTRAS_PADDED)
    second_matrix = load_matrix(second_weight_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, HIDDEN_PADDED)
    weight_channel = tl.arange(0, WEIGHTS_PADDED)[None, :]
    known = weight_channel < WEIGHTS
    peak = tl.full([PIXELS, WEIGHTS_PADDED], float("-inf"), tl.float32)
    total = tl.zeros([PIXELS, WEIGHTS_PADDED], tl.float32)
    out = tl.zeros([PIXELS, GROUPS_PADDED, SHARED], tl.float32)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        first_norm_ptr += norm_step
        second_norm_ptr += norm_step
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
        at = pixel_offsets(batch, seen_y, seen_x, key_sb, key_sy, key_sx, KEY_WORD)
        key = load_near(key_ptr, at, real, key_sc, True, KIND, RELATED, NEAR_PADDED)
        key_extra = load_extra(key_ptr, at, real, key_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
        near, extra = relate(query, key, query_extra, key_extra, KIND)
        hidden = first_layer(near, extra, first_norm_ptr, near_matrix, extra_matrix, CHANNELS, IN_TILE, EXTRAS)
        logits = logits_of(hidden, second_norm_ptr, second_matrix, bias_ptr, LAYERS, HIDDEN, WEIGHTS) * LOG2_E
        at = pixel_offsets(batch, seen_y, seen_x, value_sb, value_sy, value_sx, VALUE_WORD)
        value = load_values(value_ptr, at, real, value_sc, 0, WEIGHTS, GROUPS, SHARED, GROUPS_PADDED)
        new_peak = tl.maximum(peak, logits)
        weight = tl.exp2(logits - new_peak)
        decay = tl.exp2(peak - new_peak)
        total = total * decay + weight
        weight = shared_by_values(tl.where(known, weight, 0.0), SHARED)
        decay = shared_by_values(tl.where(known, decay, 0.0), SHARED)
        out = out * decay[:, None, :] + weight[:, None, :] * value
        peak = new_peak
    out /= shared_by_values(tl.where(known, total, 0.0), SHARED)[:, None, :]
    at = pixel_offsets(batch, y, x, out_sb, out_sy, out_sx, OUT_WORD)
    store_values(out_ptr, at, real, out_sc, out, WEIGHTS, GROUPS)
    at = weight_offsets(batch, y, x, height, width, weight_channel, WEIGHTS)
    tl.store(lse_ptr + at, (peak + tl.log2(total)) * LN_2, mask=real[:, None] & known)
