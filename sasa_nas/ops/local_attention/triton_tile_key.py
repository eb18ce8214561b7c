"""The backward pass of `triton_tile` for keys and values, a tile of keys a time."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.local_attention.triton_tile import TILE_PIXELS, first_seen, load_table, tile_corners, tile_pixels
from sasa_nas.ops.local_attention.triton_vectors import (
    LOG2_E,
    SIZES,
    load_log_sum_exp,
    load_vectors,
    store_vectors,
    table_of_program,
    weight_of,
)


@triton.jit(do_not_specialize=SIZES)
def tile_backward_key(
    query_ptr,
    key_ptr,
    value_ptr,
    rows_ptr,
    cols_ptr,
    lse_ptr,
    grad_out_ptr,
    delta_ptr,
    grad_key_ptr,
    grad_value_ptr,
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
    STEPS: tl.constexpr,
    WORD: tl.constexpr,
):
    """Write the gradients of keys and values of TILES tiles of keys, one row of the queries that see them at a time.

    Keys are the rows of all matrices and queries the columns: so the weights are as the products with the queries'
    vectors want them.
    """
    RADIUS: tl.constexpr = KERNEL_SIZE // 2
    batch, head, corner_y, corner_x = tile_corners(heads, blocks_y, blocks_x, TILES, HEADS, TILE_Y, TILE_X)
    y, x, in_map = tile_pixels(corner_y, corner_x, height, width, TILE_X)
    query_ptr += batch * query_sb * WORD
    key_ptr += batch * key_sb * WORD
    value_ptr += batch * value_sb * WORD
    grad_out_ptr += batch * grad_out_sb * WORD
    vectors = batch * height * width * heads
    head = head[:, None]
    if HAS_KEY:
        key_at = head * key_sh + y * key_sy + x * key_sx
        key = load_vectors(key_ptr, key_at, in_map, key_sc, DEPTH, DEPTH_PADDED, WORD)
        value_at = head * value_sh + y * value_sy + x * value_sx
        value = load_vectors(value_ptr, value_at, in_map, value_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
    if HAS_TABLES:
        rows_ptr = table_of_program(rows_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
        cols_ptr = table_of_program(cols_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
        cols = load_table(cols_ptr, TILES, KERNEL_SIZE, KERNEL_PADDED, DEPTH, DEPTH_PADDED)
    # a key beyond the map has no gradient, so that both paddings are alike
    query_y = first_seen(corner_y, height, reach_y, RADIUS, False)[:, None]
    query_x = (first_seen(corner_x, width, reach_x, RADIUS, False) + tl.arange(0, SPAN))[None, :]
    dx = tl.zeros([TILES, 1, 1], tl.int32) + x[:, :, None] - query_x[:, None, :] + RADIUS
    seen_x = (dx >= 0) & (dx < KERNEL_SIZE)
    dx = tl.minimum(tl.maximum(dx, 0), KERNEL_PADDED - 1)
    query_at = head * query_sh + query_y * query_sy + query_x * query_sx
    grad_at = head * grad_out_sh + query_y * grad_out_sy + query_x * grad_out_sx
    query_index = (query_y * width + query_x) * heads + head
    grad_key = tl.zeros([TILES, TILE_PIXELS, DEPTH_PADDED], tl.float32)
    grad_value = tl.zeros([TILES, TILE_PIXELS, VALUE_DEPTH_PADDED], tl.float32)
    for _ in tl.range(0, STEPS):
        query_in_map = (query_y < height) & (query_x < width)
        query = load_vectors(query_ptr, query_at, query_in_map, query_sc, DEPTH, DEPTH_PADDED, WORD)
        query_columns = tl.permute(query, 0, 2, 1)
        grad_out = load_vectors(grad_out_ptr, grad_at, query_in_map, grad_out_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
        # weights for queries that are not there become 0
        lse, _ = load_log_sum_exp(lse_ptr + vectors, query_index, query_in_map)
        dy = y - query_y + RADIUS
        seen_y = (dy >= 0) & (dy < KERNEL_SIZE)
        logits = tl.zeros([TILES, TILE_PIXELS, SPAN], tl.float32)
        if HAS_KEY:
            logits = tl.dot(key, query_columns, logits, input_precision="ieee")
        if HAS_TABLES:
            rows = load_vectors(rows_ptr, dy, seen_y, 1, DEPTH, DEPTH_PADDED, DEPTH)
            logits = tl.dot(rows, query_columns, logits, input_precision="ieee")
            logits += tl.gather(tl.dot(cols, query_columns, input_precision="ieee"), dx, 1)
        weights = weight_of(logits * (scale * LOG2_E) - lse[:, None, :])
        weights = tl.where(seen_x & seen_y[:, :, None], weights, 0.0)
        grad_value = tl.dot(weights.to(grad_out.dtype), grad_out, grad_value, input_precision="ieee")
        if HAS_KEY:
            delta = tl.load(delta_ptr + vectors + query_index, mask=query_in_map, other=0.0)
            weight_grads = tl.dot(value, tl.permute(grad_out, 0, 2, 1), input_precision="ieee")
            logit_grads = weights * (weight_grads - delta[:, None, :])
            grad_key = tl.dot(logit_grads.to(query.dtype), query, grad_key, input_precision="ieee")
        query_y += 1
        query_at += query_sy
        grad_at += grad_out_sy
        query_index += width * heads
    index = (y * width + x) * heads + head
    store_vectors(grad_value_ptr + vectors * VALUE_DEPTH, index, grad_value, in_map, VALUE_DEPTH, VALUE_DEPTH_PADDED)
    if HAS_KEY:
        store_vectors(grad_key_ptr + vectors * DEPTH, index, grad_key * scale, in_map, DEPTH, DEPTH_PADDED)
