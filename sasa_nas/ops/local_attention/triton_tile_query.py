"""The backward pass of `triton_tile` for queries and relative tables, a tile of queries a time."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.local_attention.triton_tile import (
    TILE_PIXELS,
    add_offset_logits,
    at_offset,
    first_seen,
    load_table,
    offset_logits,
    tile_corners,
    tile_pixels,
)
from sasa_nas.ops.local_attention.triton_vectors import (
    LOG2_E,
    SIZES,
    load_log_sum_exp,
    load_vectors,
    store_vectors,
    table_of_program,
    weight_of,
)


@triton.jit
def by_offset(by_place, place, PLACES: tl.constexpr):
    """From `(tiles, 16, PLACES)` what stands at the `(tiles, 16, offsets)` places of the offsets, 0 out of range."""
    return tl.where((place >= 0) & (place < PLACES), at_offset(by_place, place, PLACES), 0.0)


@triton.jit
def table_gradient(gradients, query, scale):
    """`(offsets, channels)`: gradients of the logits by offset times their queries, summed over the tiles."""
    return tl.sum(tl.dot(tl.permute(gradients, 0, 2, 1), query, input_precision="ieee"), 0) * scale


@triton.jit(do_not_specialize=SIZES)
def tile_backward_query(
    query_ptr,
    key_ptr,
    value_ptr,
    rows_ptr,
    cols_ptr,
    out_ptr,
    lse_ptr,
    grad_out_ptr,
    grad_query_ptr,
    delta_ptr,
    partial_ptr,
    query_sb,
    query_sy,
    query_sx,
    query_sh,
    query_sc,
    key_sb,
    key_sy,
    key_sx,
    key_sh,
    key_sc,
    value_sb,
    value_sy,
    value_sx,
    value_sh,
    value_sc,
    grad_out_sb,
    grad_out_sy,
    grad_out_sx,
    grad_out_sh,
    grad_out_sc,
    heads,
    height,
    width,
    blocks_y,
    blocks_x,
    reach_y,
    reach_x,
    scale,
    HAS_KEY: tl.constexpr,
    HAS_TABLES: tl.constexpr,
    PER_HEAD: tl.constexpr,
    ZEROS: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    KERNEL_PADDED: tl.constexpr,
    DEPTH: tl.constexpr,
    DEPTH_PADDED: tl.constexpr,
    VALUE_DEPTH: tl.constexpr,
    VALUE_DEPTH_PADDED: tl.constexpr,
    TILES: tl.constexpr,
    HEADS: tl.constexpr,
    TILE_Y: tl.constexpr,
    TILE_X: tl.constexpr,
    SPAN: tl.constexpr,
    STEP_ROWS: tl.constexpr,
    STEPS: tl.constexpr,
    STEPS_PADDED: tl.constexpr,
    WORD: tl.constexpr,
):
    """Write the queries' gradient, delta (the output times its gradient), and this program's part of the tables'.

    The part is `(2, KERNEL_SIZE, DEPTH)` float32: rows, then columns.
    """
    RADIUS: tl.constexpr = KERNEL_SIZE // 2
    batch, head, corner_y, corner_x = tile_corners(heads, blocks_y, blocks_x, TILES, HEADS, TILE_Y, TILE_X)
    y, x, in_map = tile_pixels(corner_y, corner_x, height, width, TILE_X)
    query_ptr += batch * query_sb * WORD
    key_ptr += batch * key_sb * WORD
    value_ptr += batch * value_sb * WORD
    grad_out_ptr += batch * grad_out_sb * WORD
    head = head[:, None]
    query_at = head * query_sh + y * query_sy + x * query_sx
    query = load_vectors(query_ptr, query_at, in_map, query_sc, DEPTH, DEPTH_PADDED, WORD)
    grad_at = head * grad_out_sh + y * grad_out_sy + x * grad_out_sx
    grad_out = load_vectors(grad_out_ptr, grad_at, in_map, grad_out_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
    vectors = batch * height * width * heads
    index = (y * width + x) * heads + head
    out = load_vectors(out_ptr + vectors * VALUE_DEPTH, index, in_map, 1, VALUE_DEPTH, VALUE_DEPTH_PADDED, VALUE_DEPTH)
    delta = tl.sum(grad_out.to(tl.float32) * out.to(tl.float32), 2)
    tl.store(delta_ptr + vectors + index, delta, mask=in_map)
    # weights of queries that are not there become 0
    lse, _ = load_log_sum_exp(lse_ptr + vectors, index, in_map)
    by_row = tl.zeros([TILES, TILE_PIXELS, KERNEL_PADDED], tl.float32)
    by_col = by_row
    if HAS_TABLES:
        rows_ptr = table_of_program(rows_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
        cols_ptr = table_of_program(cols_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
        rows = load_table(rows_ptr, TILES, KERNEL_SIZE, KERNEL_PADDED, DEPTH, DEPTH_PADDED)
        cols = load_table(cols_ptr, TILES, KERNEL_SIZE, KERNEL_PADDED, DEPTH, DEPTH_PADDED)
        by_row = tl.dot(query, tl.permute(rows, 0, 2, 1), input_precision="ieee") * (scale * LOG2_E)
        by_col = tl.dot(query, tl.permute(cols, 0, 2, 1), input_precision="ieee") * (scale * LOG2_E)
    first_y = first_seen(corner_y, height, reach_y, RADIUS, ZEROS)
    first_x = first_seen(corner_x, width, reach_x, RADIUS, ZEROS)
    col_x = (first_x + tl.arange(0, SPAN))[None, None, :]
    dx = tl.zeros([TILES, 1, 1], tl.int32) + col_x - x[:, :, None] + RADIUS
    col_logits = offset_logits(by_col, dx, col_x < width, KERNEL_SIZE, KERNEL_PADDED, HAS_TABLES, ZEROS)
    col_logits -= lse[:, :, None]
    key_y = first_y[:, None] + (tl.arange(0, STEP_ROWS * SPAN) // SPAN)[None, :]
    key_x = (first_x + tl.arange(0, STEP_ROWS * SPAN) % SPAN)[None, :]
    key_in_x = (key_x >= 0) & (key_x < width)
    key_at = head * key_sh + key_y * key_sy + key_x * key_sx
    value_at = head * value_sh + key_y * value_sy + key_x * value_sx
    row_y = first_y[:, None, None] + tl.arange(0, STEP_ROWS)[None, None, :]
    grad_query = tl.zeros([TILES, TILE_PIXELS, DEPTH_PADDED], tl.float32)
    # gradients of the logits summed over each row and each column of keys
    row_grads = tl.zeros([TILES, TILE_PIXELS, STEPS_PADDED, STEP_ROWS], tl.float32)
    col_grads = tl.zeros([TILES, TILE_PIXELS, SPAN], tl.float32)
    for step in tl.range(0, STEPS):
        key_in_map = (key_y >= 0) & (key_y < height) & key_in_x
        dy = row_y - y[:, :, None] + RADIUS
        row_logits = offset_logits(by_row, dy, row_y < height, KERNEL_SIZE, KERNEL_PADDED, HAS_TABLES, ZEROS)
        logits = tl.zeros([TILES, TILE_PIXELS, STEP_ROWS * SPAN], tl.float32)
        if HAS_KEY:
            key = load_vectors(key_ptr, key_at, key_in_map, key_sc, DEPTH, DEPTH_PADDED, WORD)
            logits = tl.dot(query, tl.permute(key, 0, 2, 1), input_precision="ieee") * (scale * LOG2_E)
        weights = weight_of(add_offset_logits(logits, row_logits, col_logits))
        value = load_vectors(value_ptr, value_at, key_in_map, value_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
        weight_grads = tl.dot(grad_out, tl.permute(value, 0, 2, 1), input_precision="ieee")
        logit_grads = weights * (weight_grads - delta[:, :, None])
        if HAS_KEY:
            grad_query = tl.dot(logit_grads.to(key.dtype), key, grad_query, input_precision="ieee")
        if HAS_TABLES:
            logit_grads = tl.reshape(logit_grads, [TILES, TILE_PIXELS, STEP_ROWS, SPAN])
            this_step = (tl.arange(0, STEPS_PADDED) == step)[None, None, :, None]
            row_grads += tl.where(this_step, tl.sum(logit_grads, 3)[:, :, None, :], 0.0)
            col_grads += tl.sum(logit_grads, 2)
        key_y += STEP_ROWS
        row_y += STEP_ROWS
        key_at += STEP_ROWS * key_sy
        value_at += STEP_ROWS * value_sy
    if HAS_TABLES:
        offset = tl.zeros([TILES, 1, 1], tl.int32) + tl.arange(0, KERNEL_PADDED)[None, None, :] - RADIUS
        row_grads = tl.reshape(row_grads, [TILES, TILE_PIXELS, STEPS_PADDED * STEP_ROWS])
        row_grads = by_offset(row_grads, offset + (y - first_y[:, None])[:, :, None], STEPS_PADDED * STEP_ROWS)
        row_grads = row_grads.to(query.dtype)
        col_grads = by_offset(col_grads, offset + (x - first_x)[:, :, None], SPAN).to(query.dtype)
        grad_query = tl.dot(row_grads, rows, grad_query, input_precision="ieee")
        grad_query = tl.dot(col_grads, cols, grad_query, input_precision="ieee")
        partial_ptr += tl.program_id(0).to(tl.int64) * (2 * KERNEL_SIZE * DEPTH)
        entry = tl.arange(0, KERNEL_PADDED)
        in_table = entry < KERNEL_SIZE
        store_vectors(partial_ptr, entry, table_gradient(row_grads, query, scale), in_table, DEPTH, DEPTH_PADDED)
        partial_ptr += KERNEL_SIZE * DEPTH
        store_vectors(partial_ptr, entry, table_gradient(col_grads, query, scale), in_table, DEPTH, DEPTH_PADDED)
    store_vectors(grad_query_ptr + vectors * DEPTH, index, grad_query * scale, in_map, DEPTH, DEPTH_PADDED)
