"""The backward pass of pairwise attention in Triton for queries and the mapping's first layer.

It follows that of the second layer: the gradient of a norm's input takes the sums over all pairs that the layer above
finds. A last pass, without products, adds to the queries' gradient what the first norm's statistics do. Each program
writes its part of what is summed over pixels.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_maps import (
    SIZES,
    pixel_offsets,
    pixels_of_program,
    value_products,
)
from sasa_nas.ops.mapping.triton_norms import SCALE, before_norm, coefficient, normalised, standardised
from sasa_nas.ops.mapping.triton_products import (
    add_outer,
    apply_transposed,
    load_matrix,
    outer_total,
    outer_zeros,
    store_matrix,
    store_vector,
)
from sasa_nas.ops.pairwise_attention.triton_forward import logits_of
from sasa_nas.ops.pairwise_attention.triton_pairs import (
    CONCATENATION,
    DOT,
    NOWHERE,
    first_layer,
    is_product,
    load_extra,
    load_near,
    query_gradient,
    relate,
)
from sasa_nas.ops.pairwise_attention.triton_second import load_weights, logit_gradient
from sasa_nas.ops.window_sums.triton_tiles import reflected


@triton.jit(do_not_specialize=SIZES)
def first_layer_kernel(
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
    query_sums_ptr,
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
    MATRICES: tl.constexpr,
    INPUTS: tl.constexpr,
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
    QUERY_WORD: tl.constexpr,
    GRAD_OUT_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
):
    """Write this program's parts of the gradients of the first layer, and the queries' but for the statistics'.

    Those of matrix and bias (MATRICES), those of what goes in (INPUTS), or both.
    In this order: of its matrix `(HIDDEN, CHANNELS)`, of the bias `(HIDDEN,)` if it is the only layer, and the sums of
    the gradient of its norm's result and of that times the normalised input, `(CHANNELS,)` each. The queries'
    gradients are `(places, RELATED + POSITIONS)` float32.
    """
    place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
    query = load_near(query_ptr, at, real, query_sc, False, KIND, RELATED, NEAR_PADDED)
    query_extra = load_extra(query_ptr, at, real, query_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
    grad_out_at = pixel_offsets(batch, y, x, grad_out_sb, grad_out_sy, grad_out_sx, GRAD_OUT_WORD)
    lse = load_weights(lse_ptr, batch, y, x, height, width, real, NOWHERE, WEIGHTS, WEIGHTS_PADDED)
    delta = load_weights(delta_ptr, batch, y, x, height, width, real, 0.0, WEIGHTS, WEIGHTS_PADDED)
    near_matrix = load_matrix(first_weight_ptr, 0, CHANNELS, HIDDEN, IN_TILE, HIDDEN_PADDED, NEAR_PADDED)
    extra_matrix = load_matrix(first_weight_ptr, IN_TILE, CHANNELS, HIDDEN, EXTRAS, HIDDEN_PADDED, EXTRAS_PADDED)
    second_matrix = load_matrix(second_weight_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, HIDDEN_PADDED)
    near_scale = coefficient(first_norm_ptr, SCALE, CHANNELS, 0, IN_TILE, NEAR_PADDED)
    extra_scale = coefficient(first_norm_ptr, SCALE, CHANNELS, IN_TILE, EXTRAS, EXTRAS_PADDED)
    matrix_sums = outer_zeros(PIXELS, HIDDEN_PADDED, NEAR_PADDED)
    extra_matrix_sums = outer_zeros(PIXELS, HIDDEN_PADDED, EXTRAS_PADDED)
    bias_sums = tl.zeros([PIXELS, HIDDEN_PADDED], tl.float32)
    sums = tl.zeros([PIXELS, NEAR_PADDED], tl.float32)
    standard_sums = sums
    query_sums = sums
    extra_sums = tl.zeros([PIXELS, EXTRAS_PADDED], tl.float32)
    extra_standard_sums = extra_sums
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
        logits = logits_of(hidden, second_norm_ptr, second_matrix, bias_ptr, LAYERS, HIDDEN, WEIGHTS)
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
        if LAYERS == 2:
            active = normalised(hidden, second_norm_ptr, HIDDEN, 0, HIDDEN)
            grad = tl.where(active > 0, apply_transposed(grad, second_matrix), 0.0)
            # the statistics' part is there for pixels that are not, too
            grad = tl.where(real[:, None], before_norm(grad, hidden, second_norm_ptr, HIDDEN, 0, HIDDEN), 0.0)
        elif MATRICES:
            bias_sums += grad
        near_grad = tl.zeros([PIXELS, NEAR_PADDED], tl.float32)
        if IN_TILE > 0:
            active = normalised(near, first_norm_ptr, CHANNELS, 0, IN_TILE)
            if MATRICES:
                matrix_sums = add_outer(matrix_sums, grad, active, near_matrix)
            if INPUTS:
                near_grad = tl.where(active > 0, apply_transposed(grad, near_matrix), 0.0)
                sums += near_grad
                standard_sums += near_grad * standardised(near, first_norm_ptr, CHANNELS, 0, IN_TILE)
        extra_grad = tl.zeros([PIXELS, EXTRAS_PADDED], tl.float32)
        if EXTRAS > 0:
            active = normalised(extra, first_norm_ptr, CHANNELS, IN_TILE, EXTRAS)
            if MATRICES:
                extra_matrix_sums = add_outer(extra_matrix_sums, grad, active, extra_matrix)
            if INPUTS:
                extra_grad = tl.where(active > 0, apply_transposed(grad, extra_matrix), 0.0)
                extra_sums += extra_grad
                extra_standard_sums += extra_grad * standardised(extra, first_norm_ptr, CHANNELS, IN_TILE, EXTRAS)
        if INPUTS and is_product(KIND):
            query_sums += query_gradient(near_grad * near_scale, extra_grad * extra_scale, key, KIND)
    BIASES: tl.constexpr = HIDDEN if LAYERS == 1 else 0
    parts_ptr += tl.program_id(0).to(tl.int64) * (HIDDEN * CHANNELS + BIASES + 2 * CHANNELS)
    if MATRICES:
        store_matrix(parts_ptr, 0, CHANNELS, outer_total(matrix_sums), HIDDEN, IN_TILE)
        store_matrix(parts_ptr, IN_TILE, CHANNELS, outer_total(extra_matrix_sums), HIDDEN, EXTRAS)
        store_vector(parts_ptr + HIDDEN * CHANNELS, tl.sum(bias_sums, 0), BIASES)
    if INPUTS:
        parts_ptr += HIDDEN * CHANNELS + BIASES
        store_vector(parts_ptr, tl.sum(sums, 0), IN_TILE)
        store_vector(parts_ptr + IN_TILE, tl.sum(extra_sums, 0), EXTRAS)
        parts_ptr += CHANNELS
        store_vector(parts_ptr, tl.sum(standard_sums, 0), IN_TILE)
        store_vector(parts_ptr + IN_TILE, tl.sum(extra_standard_sums, 0), EXTRAS)
        if not is_product(KIND):
            query_sums = sums * near_scale
        extra_sums *= extra_scale
        at = place.to(tl.int64) * (RELATED + POSITIONS)
        store_gradients(query_sums_ptr, at, real, 1, query_sums, extra_sums, False, KIND, RELATED, POSITIONS)


@triton.jit
def store_gradients(
    ptr,
    at,
    real,
    stride_c,
    near,
    extra,
    OF_KEY: tl.constexpr,
    KIND: tl.constexpr,
    RELATED: tl.constexpr,
    POSITIONS: tl.constexpr,
):
    """Write the gradients of queries or keys, the channels of `load_near` and `load_extra`."""
    FIRST: tl.constexpr = RELATED if OF_KEY and KIND == CONCATENATION else 0
    index = tl.arange(0, near.shape[1])
    channel = (index - FIRST).to(tl.int64)
    seen = real[:, None] & ((index >= FIRST) & (index < FIRST + RELATED))[None, :]
    tl.store(ptr + at[:, None] + (channel * stride_c)[None, :], near.to(ptr.dtype.element_ty), mask=seen)
    SKIP: tl.constexpr = 1 if KIND == DOT else 0
    index = tl.arange(0, extra.shape[1])
    channel = (index - SKIP + RELATED).to(tl.int64)
    seen = real[:, None] & ((index >= SKIP) & (index < SKIP + POSITIONS))[None, :]
    tl.store(ptr + at[:, None] + (channel * stride_c)[None, :], extra.to(ptr.dtype.element_ty), mask=seen)


@triton.jit(do_not_specialize=SIZES)
def query_statistics_kernel(
    query_ptr,
    key_ptr,
    first_norm_ptr,
    query_sums_ptr,
    grad_query_ptr,
    query_sb,
    query_sc,
    query_sy,
    query_sx,
    key_sb,
    key_sc,
    key_sy,
    key_sx,
    grad_query_sb,
    grad_query_sc,
    grad_query_sy,
    grad_query_sx,
    places,
    height,
    width,
    norm_step,
    BATCH_STATISTICS: tl.constexpr,
    KIND: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    RELATED: tl.constexpr,
    POSITIONS: tl.constexpr,
    IN_TILE: tl.constexpr,
    EXTRAS: tl.constexpr,
    CHANNELS: tl.constexpr,
    NEAR_PADDED: tl.constexpr,
    EXTRAS_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
    GRAD_QUERY_WORD: tl.constexpr,
):
    """Write the queries' gradients: the sums of `first_layer_kernel`, and what the statistics of its norm add."""
    place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
    sums_at = place.to(tl.int64) * (RELATED + POSITIONS)
    near_sums = load_near(query_sums_ptr, sums_at, real, 1, False, KIND, RELATED, NEAR_PADDED)
    extra_sums = load_extra(query_sums_ptr, sums_at, real, 1, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
    if BATCH_STATISTICS:
        query = load_near(query_ptr, at, real, query_sc, False, KIND, RELATED, NEAR_PADDED)
        query_extra = load_extra(query_ptr, at, real, query_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
        for offset in range(KERNEL_SIZE * KERNEL_SIZE):
            first_norm_ptr += norm_step
            seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
            seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
            at = pixel_offsets(batch, seen_y, seen_x, key_sb, key_sy, key_sx, KEY_WORD)
            key = load_near(key_ptr, at, real, key_sc, True, KIND, RELATED, NEAR_PADDED)
            key_extra = load_extra(key_ptr, at, real, key_sc, KIND, RELATED, EXTRAS, EXTRAS_PADDED)
            near, extra = relate(query, key, query_extra, key_extra, KIND)
            near_grad = before_norm(0.0, near, first_norm_ptr, CHANNELS, 0, IN_TILE)
            extra_grad = before_norm(0.0, extra, first_norm_ptr, CHANNELS, IN_TILE, EXTRAS)
            near_sums += query_gradient(near_grad, extra_grad, key, KIND)
            extra_sums += extra_grad
    at = pixel_offsets(batch, y, x, grad_query_sb, grad_query_sy, grad_query_sx, GRAD_QUERY_WORD)
    store_gradients(grad_query_ptr, at, real, grad_query_sc, near_sums, extra_sums, False, KIND, RELATED, POSITIONS)
