"""The backward pass of `triton_direct` for queries and relative tables."""

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
def direct_backward_query(
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
    ZEROS: tl.constexpr,
    KERNEL_SIZE: tl.constexpr,
    KERNEL_PADDED: tl.constexpr,
    STRIDE: tl.constexpr,
    DEPTH: tl.constexpr,
    DEPTH_PADDED: tl.constexpr,
    VALUE_DEPTH: tl.constexpr,
    VALUE_DEPTH_PADDED: tl.constexpr,
    ROWS: tl.constexpr,
    WORD: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Write the queries' gradient, delta (the output times its gradient), and this program's part of the tables'.

    The part is `(2, KERNEL_SIZE, DEPTH)` float32: rows, then columns.
    """
    place, head = program_rows(heads, PER_HEAD, ROWS)
    rows_ptr = table_of_program(rows_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
    cols_ptr = table_of_program(cols_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
    real = place < places
    x = place % out_width
    y = place // out_width % out_height
    batch = place // (out_width * out_height)
    index = place.to(tl.int64) * heads + head
    query_at = map_offsets(batch, y, x, head, query_sb, query_sy, query_sx, query_sh)
    query = load_vectors(query_ptr, query_at, real, query_sc, DEPTH, DEPTH_PADDED, WORD).to(tl.float32)
    grad_at = map_offsets(batch, y, x, head, grad_out_sb, grad_out_sy, grad_out_sx, grad_out_sh)
    grad_out = load_vectors(grad_out_ptr, grad_at, real, grad_out_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
    grad_out = grad_out.to(tl.float32)
    out = load_vectors(out_ptr, index, real, 1, VALUE_DEPTH, VALUE_DEPTH_PADDED, VALUE_DEPTH)
    delta = tl.sum(grad_out * out.to(tl.float32), 1)
    tl.store(delta_ptr + index, delta, mask=real)
    # weights of rows that are not there become 0
    lse, lse_rest = load_log_sum_exp(lse_ptr, index, real)
    key_y = y * STRIDE - KERNEL_SIZE // 2
    key_x = x * STRIDE - KERNEL_SIZE // 2
    key_row_at = map_offsets(batch, key_y, key_x, head, key_sb, key_sy, key_sx, key_sh)
    value_row_at = map_offsets(batch, key_y, key_x, head, value_sb, value_sy, value_sx, value_sh)
    # the logits bit by bit as they went forward, or their roundings would not cancel against the log-sum-exp's
    scaled = query * (scale * LOG2_E)
    grad_query = tl.zeros([ROWS, DEPTH_PADDED], tl.float32)
    offset = tl.arange(0, KERNEL_PADDED)
    col_grads = tl.zeros([ROWS, KERNEL_PADDED], tl.float32)
    channel = tl.arange(0, DEPTH_PADDED)
    partial_at = partial_ptr + tl.program_id(0).to(tl.int64) * (2 * KERNEL_SIZE * DEPTH) + channel
    for dy in range(KERNEL_SIZE):
        in_map_y = real & (key_y + dy >= 0) & (key_y + dy < height)
        row_logit = tl.zeros([ROWS], tl.float32)
        if HAS_TABLES:
            embedding = table_row(rows_ptr, dy, ROWS, DEPTH, DEPTH_PADDED)
            row_logit += tl.sum(scaled * embedding, 1)
        row_grad = tl.zeros([ROWS], tl.float32)
        key_at = key_row_at
        value_at = value_row_at
        for dx in tl.range(0, KERNEL_SIZE, loop_unroll_factor=UNROLL):
            in_map = in_map_y & (key_x + dx >= 0) & (key_x + dx < width)
            relation = tl.zeros([ROWS, DEPTH_PADDED], tl.float32)
            if HAS_KEY:
                relation += load_vectors(key_ptr, key_at, in_map, key_sc, DEPTH, DEPTH_PADDED, WORD).to(tl.float32)
            if HAS_TABLES:
                relation += table_row(cols_ptr, dx, ROWS, DEPTH, DEPTH_PADDED)
            weight = weight_of(tl.sum(scaled * relation, 1) + row_logit - lse - lse_rest)
            if not ZEROS:
                weight = tl.where(in_map, weight, 0.0)
            value = load_vectors(value_ptr, value_at, in_map, value_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
            logit_grad = weight * (tl.sum(grad_out * value.to(tl.float32), 1) - delta)
            grad_query += logit_grad[:, None] * relation
            if HAS_TABLES:
                row_grad += logit_grad
                col_grads += tl.where(offset[None, :] == dx, logit_grad[:, None], 0.0)
            key_at += key_sx
            value_at += value_sx
        if HAS_TABLES:
            grad_query += row_grad[:, None] * embedding
            row_part = tl.sum(row_grad[:, None] * query, 0) * scale
            tl.store(partial_at + dy * DEPTH, row_part, mask=channel < DEPTH)
        key_row_at += key_sy
        value_row_at += value_sy
    store_vectors(grad_query_ptr, index, grad_query * scale, real, DEPTH, DEPTH_PADDED)
    if HAS_TABLES:
        for dx in range(KERNEL_SIZE):
            col_grad = tl.sum(tl.where(offset[None, :] == dx, col_grads, 0.0), 1)
            col_part = tl.sum(col_grad[:, None] * query, 0) * scale
            tl.store(partial_at + (KERNEL_SIZE + dx) * DEPTH, col_part, mask=channel < DEPTH)
