"""The backward pass of pairwise attention in Triton for keys and values, gathered from the pixels that see them."""

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
    value_products,
)
from sasa_nas.ops.mapping.triton_norms import before_norm, normalised
from sasa_nas.ops.mapping.triton_products import apply_transposed, load_matrix
from sasa_nas.ops.pairwise_attention.triton_forward import logits_of
from sasa_nas.ops.pairwise_attention.triton_pairs import (
    NOWHERE,
    first_layer,
    key_gradient,
    load_extra,
    load_near,
    relate,
)
from sasa_nas.ops.pairwise_attention.triton_query import store_gradients
from sasa_nas.ops.pairwise_attention.triton_second import load_weights, logit_gradient
from sasa_nas.ops.window_sums.triton_tiles import reflected


@triton.jit(do_not_specialize=SIZES)
def key_kernel(
    query_ptr,
    key_ptr,
    value_ptr,
    grad_out_ptr,
    first_norm_ptr,
    first_weight_ptr,
    second_norm_ptr,
    second_weight_ptr,
    bias_ptr,
    lse_ptr,
    delta_ptr,
    key_sums_ptr,
    value_sums_ptr,
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
    grad_out_sb,
    grad_out_sc,
    grad_out_sy,
    grad_out_sx,
    places,
    height,
    width,
    norm_step,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
    LAYERS: tl.constexpr,
    KIND: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    RELATED: tl.constexpr,
    POSITIONS: tl.constexpr,
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
    TOGETHER: tl.constexpr,
    SHARED: tl.constexpr,
    PIXELS: tl.constexpr,
    KEY_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    GRAD_OUT_WORD: tl.constexpr,
):
    """Write the gradients of what every place of the padded map shows: of keys (KEYS), of values (VALUES), or both.

    `places` are those of the padded maps `(B, C, H + KERNEL_SIZE - 1, W + KERNEL_SIZE - 1)`; results are contiguous
    float32 of that shape, for `fold_kernel`.
    """
    padded_height = height + KERNEL_SIZE - 1
    padded_width = width + KERNEL_SIZE - 1
    _place, batch, y, x, real = pixels_of_program(padded_height, padded_width, places, PIXELS)
    shown_y = reflected(y - KERNEL_SIZE // 2, height, BOUNCES)
    shown_x = reflected(x - KERNEL_SIZE // 2, width, BOUNCES)
    at = pixel_offsets(batch, shown_y, shown_x, key_sb, key_sy, key_sx, KEY_WORD)
    key = load_near(key_ptr, at, real, key_sc, True, KIND, RELATED, NEAR_PADDED)
    key_extra = load_extra(key_ptr, at, real, key_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
    value_at = pixel_offsets(batch, shown_y, shown_x, value_sb, value_sy, value_sx, VALUE_WORD)
    near_matrix = load_matrix(first_weight_ptr, 0, CHANNELS, HIDDEN, IN_TILE, HIDDEN_PADDED, NEAR_PADDED)
    extra_matrix = load_matrix(first_weight_ptr, IN_TILE, CHANNELS, HIDDEN, EXTRAS, HIDDEN_PADDED, EXTRAS_PADDED)
    second_matrix = load_matrix(second_weight_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, HIDDEN_PADDED)
    near_sums = tl.zeros([PIXELS, NEAR_PADDED], tl.float32)
    extra_sums = tl.zeros([PIXELS, EXTRAS_PADDED], tl.float32)
    value_sums = tl.zeros([PIXELS, GROUPS_PADDED, SHARED], tl.float32)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        first_norm_ptr += norm_step
        second_norm_ptr += norm_step
        # the pixel whose window shows this place at the offset
        query_y = y - offset // KERNEL_SIZE
        query_x = x - offset % KERNEL_SIZE
        seen = real & (query_y >= 0) & (query_y < height) & (query_x >= 0) & (query_x < width)
        at = pixel_offsets(batch, query_y, query_x, query_sb, query_sy, query_sx, QUERY_WORD)
        query = load_near(query_ptr, at, seen, query_sc, False, KIND, RELATED, NEAR_PADDED)
        query_extra = load_extra(query_ptr, at, seen, query_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
        near, extra = relate(query, key, query_extra, key_extra, KIND)
        hidden = first_layer(near, extra, first_norm_ptr, near_matrix, extra_matrix, CHANNELS, IN_TILE, EXTRAS)
        logits = logits_of(hidden, second_norm_ptr, second_matrix, bias_ptr, LAYERS, HIDDEN, WEIGHTS)
        lse = load_weights(lse_ptr, batch, query_y, query_x, height, width, seen, NOWHERE, WEIGHTS, WEIGHTS_PADDED)
        delta = load_weights(delta_ptr, batch, query_y, query_x, height, width, seen, 0.0, WEIGHTS, WEIGHTS_PADDED)
        at = pixel_offsets(batch, query_y, query_x, grad_out_sb, grad_out_sy, grad_out_sx, GRAD_OUT_WORD)
        products = tl.zeros([PIXELS, SHARED], tl.float32)
        if KEYS:
            products = value_products(
                value_ptr,
                value_at,
                value_sc,
                grad_out_ptr,
                at,
                grad_out_sc,
                seen,
                WEIGHTS,
                GROUPS,
                SHARED,
                GROUPS_PADDED,
                TOGETHER,
            )
        weight, grad = logit_gradient(logits, lse, delta, products)
        if VALUES:
            grad_out = load_values(grad_out_ptr, at, seen, grad_out_sc, 0, WEIGHTS, GROUPS, SHARED, GROUPS_PADDED)
            value_sums += shared_by_values(weight, SHARED)[:, None, :] * grad_out
        if KEYS:
            if LAYERS == 2:
                active = normalised(hidden, second_norm_ptr, HIDDEN, 0, HIDDEN)
                grad = tl.where(active > 0, apply_transposed(grad, second_matrix), 0.0)
                grad = before_norm(grad, hidden, second_norm_ptr, HIDDEN, 0, HIDDEN)
            # pixels that are not there are masked at the end, since norms' statistics have a part of theirs
            near_grad = tl.zeros([PIXELS, NEAR_PADDED], tl.float32)
            if IN_TILE > 0:
                active = normalised(near, first_norm_ptr, CHANNELS, 0, IN_TILE)
                near_grad = tl.where(active > 0, apply_transposed(grad, near_matrix), 0.0)
                near_grad = before_norm(near_grad, near, first_norm_ptr, CHANNELS, 0, IN_TILE)
            extra_grad = tl.zeros([PIXELS, EXTRAS_PADDED], tl.float32)
            if EXTRAS > 0:
                active = normalised(extra, first_norm_ptr, CHANNELS, IN_TILE, EXTRAS)
                extra_grad = tl.where(active > 0, apply_transposed(grad, extra_matrix), 0.0)
                extra_grad = before_norm(extra_grad, extra, first_norm_ptr, CHANNELS, IN_TILE, EXTRAS)
            near_sums += tl.where(seen[:, None], key_gradient(near_grad, extra_grad, query, KIND), 0.0)
            extra_sums -= tl.where(seen[:, None], extra_grad, 0.0)
    area = tl.cast(padded_height * padded_width, tl.int64)
    inside = (y * padded_width + x).to(tl.int64)
    if KEYS:
        at = batch * (RELATED + POSITIONS) * area + inside
        store_gradients(key_sums_ptr, at, real, area, near_sums, extra_sums, True, KIND, RELATED, POSITIONS)
    if VALUES:
        at = batch * (WEIGHTS * GROUPS) * area + inside
        store_values(value_sums_ptr, at, real, area, value_sums, WEIGHTS, GROUPS)
