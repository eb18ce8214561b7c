"""The first layer of patchwise attention's mapping in Triton, where a window is described by concatenation.

The description of a pixel's window has 1 + KERNEL_SIZE**2 places of CHANNELS channels: the query, then what the window
shows of the keys. Each place has norms and a matrix `(HIDDEN, CHANNELS)` of its own, one behind another in memory, so
that nothing of a window is there but the channels of one place.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.mapping.triton_maps import SIZES, load_channels, pixel_offsets, pixels_of_program, store_channels
from sasa_nas.ops.mapping.triton_norms import before_norm, normalised, standardised
from sasa_nas.ops.mapping.triton_products import (
    add_outer,
    apply,
    apply_transposed,
    load_matrix,
    outer_total,
    outer_zeros,
    store_matrix,
    store_vector,
)
from sasa_nas.ops.window_sums.triton_tiles import reflected

ROWS_OF_NORM = tl.constexpr(6)
"""Rows of a norm's coefficients; see triton_norms.py."""


@triton.jit(do_not_specialize=SIZES)
def hidden_kernel(
    query_ptr,
    key_ptr,
    hidden_ptr,
    norms_ptr,
    matrices_ptr,
    query_sb,
    query_sc,
    query_sy,
    query_sx,
    key_sb,
    key_sc,
    key_sy,
    key_sx,
    hidden_sb,
    hidden_sc,
    hidden_sy,
    hidden_sx,
    places,
    height,
    width,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    CHANNELS: tl.constexpr,
    HIDDEN: tl.constexpr,
    CHANNELS_PADDED: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
    HIDDEN_WORD: tl.constexpr,
):
    """Write the first layer's results."""
    _place, batch, y, x, real = pixels_of_program(height, width, places, PIXELS)
    at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
    query = load_channels(query_ptr, at, real, query_sc, 0, CHANNELS, 0, CHANNELS_PADDED)
    matrix = load_matrix(matrices_ptr, 0, CHANNELS, HIDDEN, CHANNELS, HIDDEN_PADDED, CHANNELS_PADDED)
    hidden = apply(normalised(query, norms_ptr, CHANNELS, 0, CHANNELS), matrix)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        matrices_ptr += HIDDEN * CHANNELS
        norms_ptr += ROWS_OF_NORM * CHANNELS
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
        at = pixel_offsets(batch, seen_y, seen_x, key_sb, key_sy, key_sx, KEY_WORD)
        key = load_channels(key_ptr, at, real, key_sc, 0, CHANNELS, 0, CHANNELS_PADDED)
        matrix = load_matrix(matrices_ptr, 0, CHANNELS, HIDDEN, CHANNELS, HIDDEN_PADDED, CHANNELS_PADDED)
        hidden += apply(normalised(key, norms_ptr, CHANNELS, 0, CHANNELS), matrix)
    at = pixel_offsets(batch, y, x, hidden_sb, hidden_sy, hidden_sx, HIDDEN_WORD)
    store_channels(hidden_ptr, at, real, hidden_sc, hidden, HIDDEN)


@triton.jit(do_not_specialize=[*SIZES, "tiles"])
def first_parameters_kernel(
    query_ptr,
    key_ptr,
    hidden_grad_ptr,
    norms_ptr,
    matrices_ptr,
    parts_ptr,
    query_sb,
    query_sc,
    query_sy,
    query_sx,
    key_sb,
    key_sc,
    key_sy,
    key_sx,
    hidden_grad_sb,
    hidden_grad_sc,
    hidden_grad_sy,
    hidden_grad_sx,
    places,
    height,
    width,
    tiles,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    CHANNELS: tl.constexpr,
    HIDDEN: tl.constexpr,
    CHANNELS_PADDED: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    QUERY_WORD: tl.constexpr,
    KEY_WORD: tl.constexpr,
    HIDDEN_GRAD_WORD: tl.constexpr,
):
    """Write this program's part of the gradients of one place's parameters, from `tiles` tiles of pixels.

    In this order: of the matrix, and the sums of the gradient of the norms' results and of that times the normalised
    inputs, `(CHANNELS,)` each. Programs of one tile after another have one place after another.
    """
    PLACES: tl.constexpr = 1 + KERNEL_SIZE * KERNEL_SIZE
    which = tl.program_id(0) % PLACES
    chunk = tl.program_id(0) // PLACES
    matrices_ptr += which * (HIDDEN * CHANNELS)
    norms_ptr += which * (ROWS_OF_NORM * CHANNELS)
    offset = tl.maximum(which - 1, 0)
    matrix = load_matrix(matrices_ptr, 0, CHANNELS, HIDDEN, CHANNELS, HIDDEN_PADDED, CHANNELS_PADDED)
    matrix_sums = outer_zeros(PIXELS, HIDDEN_PADDED, CHANNELS_PADDED)
    sums = tl.zeros([PIXELS, CHANNELS_PADDED], tl.float32)
    products = sums
    for tile in range(tiles):
        place = (chunk * tiles + tile) * PIXELS + tl.arange(0, PIXELS)
        real = place < places
        batch = (place // (height * width)).to(tl.int64)
        y = place // width % height
        x = place % width
        seen_y = reflected(y + offset // KERNEL_SIZE - KERNEL_SIZE // 2, height, BOUNCES)
        seen_x = reflected(x + offset % KERNEL_SIZE - KERNEL_SIZE // 2, width, BOUNCES)
        at = pixel_offsets(batch, seen_y, seen_x, key_sb, key_sy, key_sx, KEY_WORD)
        shown = load_channels(key_ptr, at, real & (which > 0), key_sc, 0, CHANNELS, 0, CHANNELS_PADDED)
        at = pixel_offsets(batch, y, x, query_sb, query_sy, query_sx, QUERY_WORD)
        shown += load_channels(query_ptr, at, real & (which == 0), query_sc, 0, CHANNELS, 0, CHANNELS_PADDED)
        at = pixel_offsets(batch, y, x, hidden_grad_sb, hidden_grad_sy, hidden_grad_sx, HIDDEN_GRAD_WORD)
        grad = load_channels(hidden_grad_ptr, at, real, hidden_grad_sc, 0, HIDDEN, 0, HIDDEN_PADDED)
        active = normalised(shown, norms_ptr, CHANNELS, 0, CHANNELS)
        matrix_sums = add_outer(matrix_sums, grad, active, matrix)
        grad = tl.where(active > 0, apply_transposed(grad, matrix), 0.0)
        sums += grad
        products += grad * standardised(shown, norms_ptr, CHANNELS, 0, CHANNELS)
    parts_ptr += tl.program_id(0).to(tl.int64) * (HIDDEN * CHANNELS + 2 * CHANNELS)
    store_matrix(parts_ptr, 0, CHANNELS, outer_total(matrix_sums), HIDDEN, CHANNELS)
    parts_ptr += HIDDEN * CHANNELS
    store_vector(parts_ptr, tl.sum(sums, 0), CHANNELS)
    store_vector(parts_ptr + CHANNELS, tl.sum(products, 0), CHANNELS)


@triton.jit(do_not_specialize=SIZES)
def keys_kernel(
    key_ptr,
    hidden_grad_ptr,
    norms_ptr,
    matrices_ptr,
    key_sums_ptr,
    key_sb,
    key_sc,
    key_sy,
    key_sx,
    hidden_grad_sb,
    hidden_grad_sc,
    hidden_grad_sy,
    hidden_grad_sx,
    places,
    height,
    width,
    KERNEL_SIZE: tl.constexpr,
    BOUNCES: tl.constexpr,
    CHANNELS: tl.constexpr,
    HIDDEN: tl.constexpr,
    CHANNELS_PADDED: tl.constexpr,
    HIDDEN_PADDED: tl.constexpr,
    PIXELS: tl.constexpr,
    KEY_WORD: tl.constexpr,
    HIDDEN_GRAD_WORD: tl.constexpr,
):
    """Write the gradients of what every place of the padded map shows of the keys.

    `places` are those of the padded maps `(B, CHANNELS, H + KERNEL_SIZE - 1, W + KERNEL_SIZE - 1)`; the result is a
    contiguous float32 of that shape, for `fold_kernel`.
    """
    padded_height = height + KERNEL_SIZE - 1
    padded_width = width + KERNEL_SIZE - 1
    _place, batch, y, x, real = pixels_of_program(padded_height, padded_width, places, PIXELS)
    shown_y = reflected(y - KERNEL_SIZE // 2, height, BOUNCES)
    shown_x = reflected(x - KERNEL_SIZE // 2, width, BOUNCES)
    at = pixel_offsets(batch, shown_y, shown_x, key_sb, key_sy, key_sx, KEY_WORD)
    key = load_channels(key_ptr, at, real, key_sc, 0, CHANNELS, 0, CHANNELS_PADDED)
    sums = tl.zeros([PIXELS, CHANNELS_PADDED], tl.float32)
    for offset in range(KERNEL_SIZE * KERNEL_SIZE):
        matrices_ptr += HIDDEN * CHANNELS
        norms_ptr += ROWS_OF_NORM * CHANNELS
        pixel_y = y - offset // KERNEL_SIZE
        pixel_x = x - offset % KERNEL_SIZE
        seen = real & (pixel_y >= 0) & (pixel_y < height) & (pixel_x >= 0) & (pixel_x < width)
        at = pixel_offsets(batch, pixel_y, pixel_x, hidden_grad_sb, hidden_grad_sy, hidden_grad_sx, HIDDEN_GRAD_WORD)
        grad = load_channels(hidden_grad_ptr, at, seen, hidden_grad_sc, 0, HIDDEN, 0, HIDDEN_PADDED)
        matrix = load_matrix(matrices_ptr, 0, CHANNELS, HIDDEN, CHANNELS, HIDDEN_PADDED, CHANNELS_PADDED)
        active = normalised(key, norms_ptr, CHANNELS, 0, CHANNELS)
        grad = tl.where(active > 0, apply_transposed(grad, matrix), 0.0)
        # the norms' statistics have a part of pixels that are not there, too
        sums += tl.where(seen[:, None], before_norm(grad, key, norms_ptr, CHANNELS, 0, CHANNELS), 0.0)
    area = tl.cast(padded_height * padded_width, tl.int64)
    at = batch * CHANNELS * area + (y * padded_width + x).to(tl.int64)
    store_channels(key_sums_ptr, at, real, area, sums, CHANNELS)
