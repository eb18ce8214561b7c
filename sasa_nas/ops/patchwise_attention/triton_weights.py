"""The last layer of patchwise attention's mapping in Triton, and the sums of values with its weights.

Each of the window's KERNEL_SIZE**2 offsets has a matrix `(WEIGHTS, HIDDEN)` and a bias of its own, one behind another
in memory, so that the weights of one offset alone are anywhere. `hidden` is what the first layer yields.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_maps import (
    SIZES,
    load_channels,
    load_values,
    padded_for_products,
    pixel_offsets,
    pixels_of_program,
    shared_by_values,
    store_channels,
    store_values,
    value_products,
)
from sasa_nas.ops.mapping.triton_norms import normalised
from sasa_nas.ops.mapping.triton_products import (
    add_outer,
    apply,
    apply_transposed,
    load_matrix,
    load_vector,
    outer_total,
    outer_zeros,
    store_matrix,
    store_vector,
)
from sasa_nas.ops.window_sums.triton_tiles import reflected


@triton.jit
def window_weights(
    active,
    matrices_ptr,
    biases_ptr,
    offset,
    HIDDEN: tl.constexpr,
    WEIGHTS: tl.constexpr,
    WEIGHTS_PADDED: tl.constexpr,
    SHARED: tl.constexpr,
):
    """Return the weights of an offset, `(P, SHARED)`."""
    matrices_ptr += offset * (WEIGHTS * HIDDEN)
    matrix = load_matrix(matrices_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, active.shape[1])
    weights = apply(active, matrix) + load_vector(biases_ptr + offset * WEIGHTS, WEIGHTS, WEIGHTS_PADDED)[None, :]
    return shared_by_values(weights, SHARED)


@triton.jit(do_not_specialize=SIZES)
def weighted_sums_kernel(
    hidden_ptr,
    value_ptr,
    out_ptr,
    norm_ptr,
    matrices_ptr,
    biases_ptr,
    hidden_sb,
    hidden_sc,
    hidden_sy,
    hidden_sx,
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
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    HIDDEN: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    WEIGHTS_PADDED: tl.constexpr,
    SHARED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    HIDDEN_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
    OUT_WORD: tl.constexpr,
):
    """Write the attention."""
    _place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, hidden_sb, hidden_sy, hidden_sx, HIDDEN_WORD)
    hidden = load_channels(hidden_ptr, at, real, hidden_sc, 0, HIDDEN, 0, HIDDEN_PADDED)
    active = normalised(hidden, norm_ptr, HIDDEN, 0, HIDDEN)
    out = tl.zeros([PIXELS, GROUPS_PADDED, SHARED], tl.float32)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
        weights = window_weights(active, matrices_ptr, biases_ptr, offset, HIDDEN, WEIGHTS, WEIGHTS_PADDED, SHARED)
        at = pixel_offsets(batch, seen_y, seen_x, value_sb, value_sy, value_sx, VALUE_WORD)
        value = load_values(value_ptr, at, real, value_sc, 0, WEIGHTS, GROUPS, SHARED, GROUPS_PADDED)
        out += weights[:, None, :] * value
    at = pixel_offsets(batch, y, x, out_sb, out_sy, out_sx, OUT_WORD)
    store_values(out_ptr, at, real, out_sc, out, WEIGHTS, GROUPS)


@triton.jit(do_not_specialize=SIZES)
def active_gradient_kernel(
    hidden_ptr,
    value_ptr,
    grad_out_ptr,
    hidden_grad_ptr,
    norm_ptr,
    matrices_ptr,
    hidden_sb,
    hidden_sc,
    hidden_sy,
    hidden_sx,
    value_sb,
    value_sc,
    value_sy,
    value_sx,
    grad_out_sb,
    grad_out_sc,
    grad_out_sy,
    grad_out_sx,
    hidden_grad_sb,
    hidden_grad_sc,
    hidden_grad_sy,
    hidden_grad_sx,
    places,
    height,
    width,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    HIDDEN: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    WEIGHTS_PADDED: tl.constexpr,
    SHARED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
    TOGETHER: tl.constexpr,
    PIXELS: tl.constexpr,
    HIDDEN_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
    GRAD_OUT_WORD: tl.constexpr,
    HIDDEN_GRAD_WORD: tl.constexpr,
):
    """Write the gradient of what the second norm yields."""
    _place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    grad_out_at = pixel_offsets(batch, y, x, grad_out_sb, grad_out_sy, grad_out_sx, GRAD_OUT_WORD)
    sums = tl.zeros([PIXELS, HIDDEN_PADDED], tl.float32)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
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
        matrix = load_matrix(matrices_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, HIDDEN_PADDED)
        # rows of the matrix beyond its weights are zero, whatever their gradients are
        sums += apply_transposed(padded_for_products(products, WEIGHTS_PADDED), matrix)
        matrices_ptr += WEIGHTS * HIDDEN
    at = pixel_offsets(batch, y, x, hidden_sb, hidden_sy, hidden_sx, HIDDEN_WORD)
    hidden = load_channels(hidden_ptr, at, real, hidden_sc, 0, HIDDEN, 0, HIDDEN_PADDED)
    sums = tl.where(normalised(hidden, norm_ptr, HIDDEN, 0, HIDDEN) > 0, sums, 0.0)
    at = pixel_offsets(batch, y, x, hidden_grad_sb, hidden_grad_sy, hidden_grad_sx, HIDDEN_GRAD_WORD)
    store_channels(hidden_grad_ptr, at, real, hidden_grad_sc, sums, HIDDEN)


@triton.jit(do_not_specialize=[*SIZES, "tiles"])
def second_parameters_kernel(
    hidden_ptr,
    value_ptr,
    grad_out_ptr,
    norm_ptr,
    matrices_ptr,
    parts_ptr,
    hidden_sb,
    hidden_sc,
    hidden_sy,
    hidden_sx,
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
    tiles,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    HIDDEN: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    WEIGHTS_PADDED: tl.constexpr,
    SHARED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
    TOGETHER: tl.constexpr,
    PIXELS: tl.constexpr,
    HIDDEN_WORD: tl.constexpr,
    VALUE_WORD: tl.constexpr,
    GRAD_OUT_WORD: tl.constexpr,
):
    """Write this program's part of the gradients of one offset's matrix, then bias, from `tiles` tiles of pixels.

    Programs of one tile after another have one offset after another.
    """
    AREA: tl.constexpr = KERNEL_SIZE * KERNEL_SIZE
    offset = tl.program_id(0) % AREA
    chunk = tl.program_id(0) // AREA
    matrix_sums = outer_zeros(PIXELS, WEIGHTS_PADDED, HIDDEN_PADDED)
    bias_sums = tl.zeros([PIXELS, SHARED], tl.float32)
    # only its type is wanted
    matrix = load_matrix(matrices_ptr, 0, HIDDEN, WEIGHTS, HIDDEN, WEIGHTS_PADDED, HIDDEN_PADDED)
    for tile in range(tiles):
        place = (chunk * tiles + tile) * PIXELS + tl.arange(0, PIXELS)
        real = place < places
        batch = (place // (height * width)).to(tl.int64)
        y = place // width % height
        x = place % width
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
        at = pixel_offsets(batch, seen_y, seen_x, value_sb, value_sy, value_sx, VALUE_WORD)
        grad_out_at = pixel_offsets(batch, y, x, grad_out_sb, grad_out_sy, grad_out_sx, GRAD_OUT_WORD)
        grad = value_products(
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
        at = pixel_offsets(batch, y, x, hidden_sb, hidden_sy, hidden_sx, HIDDEN_WORD)
        hidden = load_channels(hidden_ptr, at, real, hidden_sc, 0, HIDDEN, 0, HIDDEN_PADDED)
        bias_sums += grad
        active = normalised(hidden, norm_ptr, HIDDEN, 0, HIDDEN)
        matrix_sums = add_outer(matrix_sums, padded_for_products(grad, WEIGHTS_PADDED), active, matrix)
    parts_ptr += tl.program_id(0).to(tl.int64) * (WEIGHTS * HIDDEN + WEIGHTS)
    store_matrix(parts_ptr, 0, HIDDEN, outer_total(matrix_sums), WEIGHTS, HIDDEN)
    store_vector(parts_ptr + WEIGHTS * HIDDEN, tl.sum(bias_sums, 0), WEIGHTS)


@triton.jit(do_not_specialize=SIZES)
def values_kernel(
    hidden_ptr,
    grad_out_ptr,
    norm_ptr,
    matrices_ptr,
    biases_ptr,
    value_sums_ptr,
    hidden_sb,
    hidden_sc,
    hidden_sy,
    hidden_sx,
    grad_out_sb,
    grad_out_sc,
    grad_out_sy,
    grad_out_sx,
    places,
    height,
    width,
    KERNEL_SIZE: tl.constexpr,
    HIDDEN: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GROUPS: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    WEIGHTS_PADDED: tl.constexpr,
    SHARED: tl.constexpr,
    GROUPS_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    HIDDEN_WORD: tl.constexpr,
    GRAD_OUT_WORD: tl.constexpr,
):
    """Write the gradients of what every place of the padded map shows of the values, as `keys_kernel` does."""
    padded_height = height + KERNEL_SIZE - 1
    padded_width = width + KERNEL_SIZE - 1
    _place, batch, y, x, real = pixels_of_program(padded_height, padded_width, places, PIXELS)
    sums = tl.zeros([PIXELS, GROUPS_PADDED, SHARED], tl.float32)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        # the pixel whose window shows this place at the offset
        pixel_y = y - offset // KERNEL_SIZE
        pixel_x = x - offset % KERNEL_SIZE
        seen = real & (pixel_y >= 0) & (pixel_y < height) & (pixel_x >= 0) & (pixel_x < width)
        at = pixel_offsets(batch, pixel_y, pixel_x, hidden_sb, hidden_sy, hidden_sx, HIDDEN_WORD)
        hidden = load_channels(hidden_ptr, at, seen, hidden_sc, 0, HIDDEN, 0, HIDDEN_PADDED)
        active = normalised(hidden, norm_ptr, HIDDEN, 0, HIDDEN)
        weights = window_weights(active, matrices_ptr, biases_ptr, offset, HIDDEN, WEIGHTS, WEIGHTS_PADDED, SHARED)
        at = pixel_offsets(batch, pixel_y, pixel_x, grad_out_sb, grad_out_sy, grad_out_sx, GRAD_OUT_WORD)
        # zero where no pixel is
        sums += weights[:, None, :] * load_values(
            grad_out_ptr, at, seen, grad_out_sc, 0, WEIGHTS, GROUPS, SHARED, GROUPS_PADDED
        )
    area = tl.cast(padded_height * padded_width, tl.int64)
    at = batch * (WEIGHTS * GROUPS) * area + (y * padded_width + x).to(tl.int64)
    store_values(value_sums_ptr, at, real, area, sums, WEIGHTS, GROUPS)
