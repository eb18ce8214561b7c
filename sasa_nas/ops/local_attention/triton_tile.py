"""Window attention in Triton on tensor cores: small tiles of queries against the rows of keys around them.

A tile is TILE_Y x TILE_X = 16 queries of one head, the height of one matrix instruction. Its windows reach `reach_y`
rows of keys, of which a step takes STEP_ROWS at once, each SPAN keys wide; what is out of a query's window gets a logit
of -inf. Tiles are so small because every pair looked at in vain costs an exponential. A program has TILES tiles, for
each warp some: HEADS heads of the same pixels, whose vectors are adjacent in memory, and then tiles below each other,
which see the same keys.

The position logits come from `q . rows[dy]` and `q . cols[dx]`, two products of the tile with the tables, not from a
product a pair. Offsets within an image are 32 bits wide. A NaN in a key or a value that is in the map reaches all
queries of the tiles that read it, in the window or not.
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

TILE_PIXELS = tl.constexpr(16)
"""TILE_Y times TILE_X."""


@triton.jit
def tile_corners(
    heads, blocks_y, blocks_x, TILES: tl.constexpr, HEADS: tl.constexpr, TILE_Y: tl.constexpr, TILE_X: tl.constexpr
):
    """Return a program's image (int64), heads and first rows of its tiles, `(TILES,)` each, and first column."""
    block = tl.program_id(0)
    blocks_h = heads // HEADS
    tile = tl.arange(0, TILES)
    head = block % blocks_h * HEADS + tile % HEADS
    block //= blocks_h
    corner_y = (block % blocks_y * (TILES // HEADS) + tile // HEADS) * TILE_Y
    block //= blocks_y
    return (block // blocks_x).to(tl.int64), head, corner_y, block % blocks_x * TILE_X


@triton.jit
def tile_pixels(corner_y, corner_x, height, width, TILE_X: tl.constexpr):
    """Rows and columns of the tiles' pixels, `(TILES, 16)` and `(1, 16)`, and which of them are in the map."""
    pixel = tl.arange(0, TILE_PIXELS)
    y = corner_y[:, None] + (pixel // TILE_X)[None, :]
    x = (corner_x + pixel % TILE_X)[None, :]
    return y, x, (y < height) & (x < width)


@triton.jit
def first_seen(corner, size, reach, RADIUS: tl.constexpr, BEYOND: tl.constexpr):
    """Return the first row (or column) that a tile's windows reach; within the map unless those BEYOND it count."""
    first = corner - RADIUS
    if not BEYOND:
        first = tl.maximum(tl.minimum(first, size - reach), 0)
    return first


@triton.jit
def load_table(
    table_ptr,
    TILES: tl.constexpr,
    SIZE: tl.constexpr,
    PADDED: tl.constexpr,
    DEPTH: tl.constexpr,
    DEPTH_PADDED: tl.constexpr,
):
    """Return a contiguous table of SIZE rows once for every tile, `(TILES, PADDED, DEPTH_PADDED)`."""
    row = tl.zeros([TILES, 1], tl.int32) + tl.arange(0, PADDED)[None, :]
    return load_vectors(table_ptr, row, row < SIZE, 1, DEPTH, DEPTH_PADDED, DEPTH)


@triton.jit
def at_offset(by_offset, offset, OFFSETS: tl.constexpr):
    """From `(tiles, n, OFFSETS)` what stands at each of `(tiles, n, m)` offsets; anything out of range."""
    return tl.gather(by_offset, tl.minimum(tl.maximum(offset, 0), OFFSETS - 1), 2)


@triton.jit
def offset_logits(
    by_offset, offset, in_map, SIZE: tl.constexpr, PADDED: tl.constexpr, HAS_TABLES: tl.constexpr, ZEROS: tl.constexpr
):
    """Return the part of the logits that an offset along one axis makes: -inf out of the window or where no key counts.

    `by_offset` are the queries' products with the table, `(tiles, 16, PADDED)`; `offset` the places in it,
    `(tiles, 16, n)`; `in_map` broadcasts to the latter.
    """
    seen = (offset >= 0) & (offset < SIZE)
    if not ZEROS:
        seen &= in_map
    logits = tl.zeros(offset.shape, tl.float32)
    if HAS_TABLES:
        logits = at_offset(by_offset, offset, PADDED)
    return tl.where(seen, logits, float("-inf"))


@triton.jit
def add_offset_logits(logits, row_logits, col_logits):
    """Add `(tiles, 16, rows)` and `(tiles, 16, span)` to logits `(tiles, 16, rows * span)`."""
    shape: tl.constexpr = logits.shape
    logits = tl.reshape(logits, [shape[0], shape[1], row_logits.shape[2], col_logits.shape[2]])
    logits += col_logits[:, :, None, :]
    logits += row_logits[:, :, :, None]
    return tl.reshape(logits, shape)


@triton.jit(do_not_specialize=SIZES)
def tile_forward(
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
    WORD: tl.constexpr,
):
    """Write the output and the natural log-sum-exp of the scaled logits of TILES tiles of queries."""
    RADIUS: tl.constexpr = KERNEL_SIZE // 2
    batch, head, corner_y, corner_x = tile_corners(heads, blocks_y, blocks_x, TILES, HEADS, TILE_Y, TILE_X)
    y, x, in_map = tile_pixels(corner_y, corner_x, height, width, TILE_X)
    query_ptr += batch * query_sb * WORD
    key_ptr += batch * key_sb * WORD
    value_ptr += batch * value_sb * WORD
    head = head[:, None]
    query_at = head * query_sh + y * query_sy + x * query_sx
    query = load_vectors(query_ptr, query_at, in_map, query_sc, DEPTH, DEPTH_PADDED, WORD)
    scale *= LOG2_E
    by_row = tl.zeros([TILES, TILE_PIXELS, KERNEL_PADDED], tl.float32)
    by_col = by_row
    if HAS_TABLES:
        rows_ptr = table_of_program(rows_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
        cols_ptr = table_of_program(cols_ptr, heads, PER_HEAD, KERNEL_SIZE * DEPTH)
        rows = load_table(rows_ptr, TILES, KERNEL_SIZE, KERNEL_PADDED, DEPTH, DEPTH_PADDED)
        cols = load_table(cols_ptr, TILES, KERNEL_SIZE, KERNEL_PADDED, DEPTH, DEPTH_PADDED)
        by_row = tl.dot(query, tl.permute(rows, 0, 2, 1), input_precision="ieee") * scale
        by_col = tl.dot(query, tl.permute(cols, 0, 2, 1), input_precision="ieee") * scale
    first_y = first_seen(corner_y, height, reach_y, RADIUS, ZEROS)
    first_x = first_seen(corner_x, width, reach_x, RADIUS, ZEROS)
    col_x = (first_x + tl.arange(0, SPAN))[None, None, :]
    dx = tl.zeros([TILES, 1, 1], tl.int32) + col_x - x[:, :, None] + RADIUS
    col_logits = offset_logits(by_col, dx, col_x < width, KERNEL_SIZE, KERNEL_PADDED, HAS_TABLES, ZEROS)
    key_y = first_y[:, None] + (tl.arange(0, STEP_ROWS * SPAN) // SPAN)[None, :]
    key_x = (first_x + tl.arange(0, STEP_ROWS * SPAN) % SPAN)[None, :]
    key_in_x = (key_x >= 0) & (key_x < width)
    key_at = head * key_sh + key_y * key_sy + key_x * key_sx
    value_at = head * value_sh + key_y * value_sy + key_x * value_sx
    row_y = first_y[:, None, None] + tl.arange(0, STEP_ROWS)[None, None, :]
    peak = tl.full([TILES, TILE_PIXELS], float("-inf"), tl.float32)
    total = tl.zeros([TILES, TILE_PIXELS], tl.float32)
    out = tl.zeros([TILES, TILE_PIXELS, VALUE_DEPTH_PADDED], tl.float32)
    for _ in tl.range(0, STEPS):
        key_in_map = (key_y >= 0) & (key_y < height) & key_in_x
        dy = row_y - y[:, :, None] + RADIUS
        row_logits = offset_logits(by_row, dy, row_y < height, KERNEL_SIZE, KERNEL_PADDED, HAS_TABLES, ZEROS)
        logits = tl.zeros([TILES, TILE_PIXELS, STEP_ROWS * SPAN], tl.float32)
        if HAS_KEY:
            key = load_vectors(key_ptr, key_at, key_in_map, key_sc, DEPTH, DEPTH_PADDED, WORD)
            logits = tl.dot(query, tl.permute(key, 0, 2, 1), input_precision="ieee") * scale
        logits = add_offset_logits(logits, row_logits, col_logits)
        value = load_vectors(value_ptr, value_at, key_in_map, value_sc, VALUE_DEPTH, VALUE_DEPTH_PADDED, WORD)
        new_peak = tl.maximum(peak, tl.max(logits, 2))
        # until the first key in the map there is no peak, and -inf less -inf would be NaN
        level = tl.where(new_peak == float("-inf"), 0.0, new_peak)
        weights = tl.exp2(logits - level[:, :, None])
        decay = tl.exp2(peak - level)
        total = total * decay + tl.sum(weights, 2)
        out = tl.dot(weights.to(value.dtype), value, out * decay[:, :, None], input_precision="ieee")
        peak = new_peak
        key_y += STEP_ROWS
        row_y += STEP_ROWS
        key_at += STEP_ROWS * key_sy
        value_at += STEP_ROWS * value_sy
    vectors = batch * height * width * heads
    index = (y * width + x) * heads + head
    out /= total[:, :, None]
    store_vectors(out_ptr + vectors * VALUE_DEPTH, index, out, in_map, VALUE_DEPTH, VALUE_DEPTH_PADDED)
    store_log_sum_exp(lse_ptr + vectors, index, peak, total, in_map)
