"""The backward pass of `triton_direct` for keys and values."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.local_attention.triton_direct import map_offsets, program_rows, table_row
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
def direct_backward_key(
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
    places,
    heads,
    out_height,
    out_width,
    height,
    width,
    scale,
    HAS_KEY: tl.constexpr,
    HAS_TABLES: tl.constexpr,
    PER_HEAD: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    STRIDE: tl.constexpr,
    DEPTH: tl.constexpr,
    DEPTH_PADDED: tl.constexpr,
    VALUE_DEPTH: tl.constexpr,
    VALUE_DEPTH_PADDED: tl.constexpr,
    ROWS: tl.constexpr,
    WORD: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Write the gradients of keys and values, ROWS keys a program, from the queries whose windows hold them."""
    place, head = program_rows(heads, PER_HEAD, ROWS)
    rows_ptr = table_of_program(rows_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
    cols_ptr = table_of_program(cols_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
    real = place < places
    x = place % width
    y = place // width % height
    batch = place // (width * height)
    key_at = map_offsets(batch, y, x, head, key_sb, key_sy, key_sx, key_sh)
    value_at = map_offsets(batch, y, x, head, value_sb, value_sy, value_sx, value_sh)
    key = tl.zeros([ROWS, DEPTH_PADDED], tl.float32)
    if HAS_KEY:
        key += load_vectors(key_ptr, key_at, real, key_sc, DEPTH, DEPTH_PADDED, WORD).to(tl.float32)
    value = load_vectors(value_ptr, value_at, real, value_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD).to(tl.float32)
    grad_key = tl.zeros([ROWS, DEPTH_PADDED], tl.float32)
    grad_value = tl.zeros([ROWS, VALUE_DEPTH_PADDED], tl.float32)
    for dy in range(KERNEL_SIZE):
        # the query that sees this key at row offset dy, where the stride leaves one there
        reach_y = y + KERNEL_SIZE // 2 - dy
        query_y = reach_y // STRIDE
        seen_y = real & (reach_y >= 0) & (query_y * STRIDE == reach_y) & (query_y < out_height)
        for dx in tl.range(0, KERNEL_SIZE, loop_unroll_factor=UNROLL):
            reach_x = x + KERNEL_SIZE // 2 - dx
            query_x = reach_x // STRIDE
            seen = seen_y & (reach_x >= 0) & (query_x * STRIDE == reach_x) & (query_x < out_width)
            query_at = map_offsets(batch, query_y, query_x, head, query_sb, query_sy, query_sx, query_sh)
            query = load_vectors(query_ptr, query_at, seen, query_sc, DEPTH, DEPTH_PADDED, WORD).to(tl.float32)
            grad_at = map_offsets(batch, query_y, query_x, head, grad_out_sb, grad_out_sy, grad_out_sx, grad_out_sh)
            grad_out = load_vectors(grad_out_ptr, grad_at, seen, grad_out_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
            grad_out = grad_out.to(tl.float32)
            row = ((batch.to(tl.int64) * out_height + query_y) * out_width + query_x) * heads + head
            lse, lse_rest = load_log_sum_exp(lse_ptr, row, seen)
            # the logit bit by bit as it went forward, or its rounding would not cancel against the log-sum-exp's
            scaled = query * (scale * LOG2_E)
            relation = key
            row_logit = tl.zeros([ROWS], tl.float32)
            if HAS_TABLES:
                relation += table_row(cols_ptr, dx, ROWS, DEPTH, DEPTH_PADDED)
                row_logit += tl.sum(scaled * table_row(rows_ptr, dy, ROWS, DEPTH, DEPTH_PADDED), 1)
            weight = weight_of(tl.sum(scaled * relation, 1) + row_logit - lse - lse_rest)
            grad_value += weight[:, None] * grad_out
            if HAS_KEY:
                delta = tl.load(delta_ptr + row, mask=seen, other=0.0)
                logit_grad = weight * (tl.sum(grad_out * value, 1) - delta)
                grad_key += logit_grad[:, None] * query
    row = place.to(tl.int64) * heads + head
    store_vectors(grad_value_ptr, row, grad_value, real, VALUE_DEPTH, VALUE_DEPTH_PADDED)
    if HAS_KEY:
        store_vectors(grad_key_ptr, row, grad_key * scale, real, DEPTH, DEPTH_PADDED)
