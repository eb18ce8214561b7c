"""The backward pass of pairwise attention in Triton for the mapping's second layer.

Each program writes its part of what is summed over pixels.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_maps import (
    SIZES,
    padded_for_products,
    pixel_offsets,
    pixels_of_program,
    value_products,
)
from sasa_nas.ops.mapping.triton_norms import normalised, standardised
from sasa_nas.ops.mapping.triton_products import (
    add_outer,
    apply_transposed,
    load_matrix,
    outer_total,
    outer_zeros,
    store_matrix,
    store_vector,
)
from sasa_nas.ops.pairwise_attention.triton_forward import logits_of, weight_offsets
from sasa_nas.ops.pairwise_attention.triton_pairs import (
    LOG2_E,
    NOWHERE,
    first_layer,
    load_extra,
    load_near,
    relate,
)
from sasa_nas.ops.window_sums.triton_tiles import reflected


@triton.jit
def load_weights(ptr, batch, y, x, height, width, real, other, WEIGHTS: tl.constexpr, PADDED: tl.constexpr):
    """`(P, PADDED)` of a contiguous `(B, WEIGHTS, height, width)`; `other` where there is none."""
    channel = tl.arange(0, PADDED)[None, :]
    at = weight_offsets(batch, y, x, height, width, channel, WEIGHTS)
    return tl.load(ptr + at, mask=real[:, None] & (channel < WEIGHTS), other=other)


@triton.jit
def logit_gradient(logits, lse, delta, products):
    """Return the weights of pairs, and the gradient of their logits; `products` are those of values and gradients."""
    # the log-sum-exp of padding makes its weights zero
    weight = tl.exp2((logits - lse) * LOG2_E)
    return weight, weight * (padded_for_products(products, weight.shape[1]) - delta)


@triton.jit(do_not_specialize=SIZES)
def second_layer_kernel(
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
    parts_ptr,
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
    TOGETHER: tl.constexpr,
    SHARED: tl.constexpr,
    PIXELS: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    GRAD_OUT_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
):
    """Write this program's parts of the gradients of the second layer.

    In this order: of its matrix `(WEIGHTS, HIDDEN)`, of its bias, and the sums of the gradient of its norm's result and
    of that times the normalised input, `(HIDDEN,)` each.
    """
    _place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
    query = load_near(query_ptr, at, real, query_sc, False, KIND, RELATED, NEAR_PADDED)
    query_extra = load_extra(query_ptr, at, real, query_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
    grad_out_at = pixel_offsets(batch, y, x, grad_out_sb, grad_out_sy, grad_out_sx, GRAD_OUT_WORD)
    lse = load_weights(lse_ptr, batch, y, x, height, width, real, NOWHERE, WEIGHTS, WEIGHTS_PADDED)
    delta = load_weights(delta_ptr, batch, y, x, height, width, real, 0.0, WEIGHTS, WEIGHTS_PADDED)
    near_matrix = load_matrix(first_weight_ptr, 0, CHANNELS, HIDDEN, IN_TILE, HIDDEN_PADDED, NEAR_PADDED)
    extra_matrix = load_matrix(first_weight_ptr, IN_TILE, CHANNELS, HIDDEN, EXTRAS, HIDDEN_PADDED, EXTRAS_PADDED)
    second_matrix = load_matrix(second_weight_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, HIDDEN_PADDED)
    matrix_sums = outer_zeros(PIXELS, WEIGHTS_PADDED, HIDDEN_PADDED)
    bias_sums = tl.zeros([PIXELS, WEIGHTS_PADDED], tl.float32)
    sums = tl.zeros([PIXELS, HIDDEN_PADDED], tl.float32)
    standard_sums = sums
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
        logits = logits_of(hidden, second_norm_ptr, second_matrix, bias_ptr, 2, HIDDEN, WEIGHTS)
        at = pixel_offsets(batch, seen_y, seen_x, value_sb, value_sy, value_sx, VALUE_WORD)
        products = value_products(
            value_ptr,
            at,
            value_sc,
            grad_out_ptr,
            grad_out_at,
            grad_out_sc,
            real,
            WEIGHTS,
            GROUPS,
            SHARED,
            GROUPS_PADDED,
            TOGETHER,
        )
        _weight, grad = logit_gradient(logits, lse, delta, products)
        bias_sums += grad
        active = normalised(hidden, second_norm_ptr, HIDDEN, 0, HIDDEN)
        matrix_sums = add_outer(matrix_sums, grad, active, second_matrix)
        grad = tl.where(active > 0, apply_transposed(grad, second_matrix), 0.0)
        sums += grad
        standard_sums += grad * standardised(hidden, second_norm_ptr, HIDDEN, 0, HIDDEN)
    parts_ptr += tl.program_id(0).to(tl.int64) * (WEIGHTS * HIDDEN + WEIGHTS + 2 * HIDDEN)
    store_matrix(parts_ptr, 0, HIDDEN, outer_total(matrix_sums), WEIGHTS, HIDDEN)
    store_vector(parts_ptr + WEIGHTS * HIDDEN, tl.sum(bias_sums, 0), WEIGHTS)
    parts_ptr += WEIGHTS * HIDDEN + WEIGHTS
    store_vector(parts_ptr, tl.sum(sums, 0), HIDDEN)
    store_vector(parts_ptr + HIDDEN, tl.sum(standard_sums, 0), HIDDEN)
