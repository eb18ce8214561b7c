"""Window attention in Triton without tensor cores: a thread or a few for each query (or key) of each head.

Exact in float32, for any depth, window and stride; the form for windows too small or depths too short to fill tensor
cores. The softmax runs online, one offset after another, so that nothing of the window is ever in memory. The
backward pass computes the weights again from the saved log-sum-exp, once a query and once a key, and has no atomics:
the same inputs give the same bits.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.local_attention.triton_vectors import (
    LOG2_E,
    SIZES,
    load_vectors,
    store_log_sum_exp,
    store_vectors,
    table_of_program,
)


@triton.jit
def program_rows(heads, PER_HEAD: tl.constexpr, ROWS: tl.constexpr):
    """Return the places and heads of this program's rows, `(ROWS,)` each; a place may lie beyond the last one.

    Heads vary fastest, so that neighbouring rows read neighbouring memory. Where every head has relative tables of
    its own (PER_HEAD), all rows of a program are of one head, so that it needs and makes one pair of tables.
    """
    program = tl.program_id(0)
    if PER_HEAD:
        place = (program // heads) * ROWS + tl.arange(0, ROWS)
        head = tl.zeros([ROWS], tl.int32) + program % heads
    else:
        row = program * ROWS + tl.arange(0, ROWS)
        place = row // heads
        head = row % heads
    return place, head


@triton.jit
def map_offsets(batch, y, x, head, stride_b, stride_y, stride_x, stride_h):
    """Offsets, in words, of pixels' vectors in a map of heads; its arguments broadcast."""
    offsets = batch.to(tl.int64) * stride_b + head.to(tl.int64) * stride_h
    return offsets + y.to(tl.int64) * stride_y + x.to(tl.int64) * stride_x


@triton.jit
def table_row(table_ptr, row, ROWS: tl.constexpr, DEPTH: tl.constexpr, DEPTH_PADDED: tl.constexpr):
    """One embedding of a contiguous table as `(ROWS, DEPTH_PADDED)` float32, the same in every row.

    Each thread reads the channels that it needs at once; a row of its own would be read one by one.
    """
    rows = tl.zeros([ROWS], tl.int32) + row
    return load_vectors(table_ptr, rows, rows >= 0, 1, DEPTH, DEPTH_PADDED, DEPTH).to(tl.float32)


@triton.jit(do_not_specialize=SIZES)
def direct_forward(
    query_ptr,
    key_ptr,
    value_ptr,
    rows_ptr,
    cols_ptr,
    out_ptr,
    lse_ptr,
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
    STRIDE: tl.constexpr,
    DEPTH: tl.constexpr,
    DEPTH_PADDED: tl.constexpr,
    VALUE_DEPTH: tl.constexpr,
    VALUE_DEPTH_PADDED: tl.constexpr,
    ROWS: tl.constexpr,
    WORD: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Write the output and the natural log-sum-exp of the scaled logits, ROWS queries a program."""
    place, head = program_rows(heads, PER_HEAD, ROWS)
    rows_ptr = table_of_program(rows_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
    cols_ptr = table_of_program(cols_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
    real = place < places
    x = place % out_width
    y = place // out_width % out_height
    batch = place // (out_width * out_height)
    query_at = map_offsets(batch, y, x, head, query_sb, query_sy, query_sx, query_sh)
    query = load_vectors(query_ptr, query_at, real, query_sc, DEPTH, DEPTH_PADDED, WORD).to(tl.float32)
    query *= scale * LOG2_E
    # the window's first key, which may lie beyond the map: it is then not read
    key_y = y * STRIDE - KERNEL_SIZE // 2
    key_x = x * STRIDE - KERNEL_SIZE // 2
    key_row_at = map_offsets(batch, key_y, key_x, head, key_sb, key_sy, key_sx, key_sh)
    value_row_at = map_offsets(batch, key_y, key_x, head, value_sb, value_sy, value_sx, value_sh)
    peak = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    out = tl.zeros([ROWS, VALUE_DEPTH_PADDED], tl.float32)
    for dy in range(KERNEL_SIZE):
        in_map_y = real & (key_y + dy >= 0) & (key_y + dy < height)
        row_logit = tl.zeros([ROWS], tl.float32)
        if HAS_TABLES:
            row_logit += tl.sum(query * table_row(rows_ptr, dy, ROWS, DEPTH, DEPTH_PADDED), 1)
        key_at = key_row_at
        value_at = value_row_at
        for dx in tl.range(0, KERNEL_SIZE, loop_unroll_factor=UNROLL):
            in_map = in_map_y & (key_x + dx >= 0) & (key_x + dx < width)
            relation = tl.zeros([ROWS, DEPTH_PADDED], tl.float32)
            if HAS_KEY:
                relation += load_vectors(key_ptr, key_at, in_map, key_sc, DEPTH, DEPTH_PADDED, WORD).to(tl.float32)
            if HAS_TABLES:
                relation += table_row(cols_ptr, dx, ROWS, DEPTH, DEPTH_PADDED)
            logit = tl.sum(query * relation, 1) + row_logit
            if not ZEROS:
                logit = tl.where(in_map, logit, float("-inf"))
            new_peak = tl.maximum(peak, logit)
            # until the first key in the map there is no peak, and -inf less -inf would be NaN
            level = tl.where(new_peak == float("-inf"), 0.0, new_peak)
            weight = tl.exp2(logit - level)
            decay = tl.exp2(peak - level)
            value = load_vectors(value_ptr, value_at, in_map, value_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
            total = total * decay + weight
            out = out * decay[:, None] + weight[:, None] * value.to(tl.float32)
            peak = new_peak
            key_at += key_sx
            value_at += value_sx
        key_row_at += key_sy
        value_row_at += value_sy
    row = place.to(tl.int64) * heads + head
    store_vectors(out_ptr, row, out / total[:, None], real, VALUE_DEPTH, VALUE_DEPTH_PADDED)
    store_log_sum_exp(lse_ptr, row, peak, total, real)
