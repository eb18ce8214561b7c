"""Small matrix products in Triton's kernels of SAN's attention, on tensor cores where no side is short.

Rows are pixels. A matrix with a side below 16 is no operand of `tl.dot`: its products are sums of multiply-adds in
float32. Sums are float32 in both; factors on tensor cores are rounded to the matrix' type, those in float32 are not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

SHORTEST = tl.constexpr(16)
"""Sides of a matrix that tensor cores take."""


FEW = tl.constexpr(4)
"""Columns that are no operand of `tl.dot` but vectors of their own, where the other side is long."""


@triton.jit
def apply(rows, matrix):
    """Rows `(P, K)` times the transpose of `(N, K)`, `(P, N)` float32."""
    if matrix.shape[0] < SHORTEST or (matrix.shape[1] < SHORTEST and matrix.shape[1] > FEW):
        products = tl.sum(rows[:, None, :] * matrix.to(tl.float32)[None, :, :], 2)
    elif matrix.shape[1] <= FEW:
        products = tl.zeros([rows.shape[0], matrix.shape[0]], tl.float32)
        for k in tl.static_range(matrix.shape[1]):
            products += column(rows, k)[:, None] * column(matrix.to(tl.float32), k)[None, :]
    else:
        products = tl.dot(rows.to(matrix.dtype), tl.trans(matrix), input_precision="ieee")
    return products


@triton.jit
def apply_transposed(rows, matrix):
    """Rows `(P, N)` times `(N, K)`, `(P, K)` float32: the gradient of the rows that `apply` took."""
    if matrix.shape[0] < SHORTEST or (matrix.shape[1] < SHORTEST and matrix.shape[1] > FEW):
        products = tl.sum(rows[:, :, None] * matrix.to(tl.float32)[None, :, :], 1)
    elif matrix.shape[1] <= FEW:
        index = tl.arange(0, matrix.shape[1])[None, :]
        products = tl.zeros([rows.shape[0], matrix.shape[1]], tl.float32)
        for k in tl.static_range(matrix.shape[1]):
            product = tl.sum(rows * column(matrix.to(tl.float32), k)[None, :], 1)
            products += tl.where(index == k, product[:, None], 0.0)
    else:
        products = tl.dot(rows.to(matrix.dtype), matrix, input_precision="ieee")
    return products


@triton.jit
def column(tile, k):
    """Column k of a tile."""
    return tl.sum(tl.where(tl.arange(0, tile.shape[1])[None, :] == k, tile, 0.0), 1)


@triton.jit
def outer_zeros(ROWS: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """Accumulator of `add_outer`: `(N, K)` on tensor cores, few columns padded, else one matrix for every row."""
    if N < SHORTEST or (K < SHORTEST and K > FEW):
        sums = tl.zeros([ROWS, N, K], tl.float32)
    elif K <= FEW:
        sums = tl.zeros([N, SHORTEST], tl.float32)
    else:
        sums = tl.zeros([N, K], tl.float32)
    return sums


@triton.jit
def add_outer(sums, left, right, factors):
    """Add the outer products of rows `(P, N)` and `(P, K)`: the gradient of the matrix of `apply`.

    On tensor cores the rows are rounded to the type of `factors`.
    """
    if len(sums.shape) == 3:
        sums += left[:, :, None] * right[:, None, :]
    else:
        padded = right
        if right.shape[1] <= FEW:
            index = tl.arange(0, SHORTEST)[None, :]
            padded = tl.zeros([right.shape[0], SHORTEST], tl.float32)
            for k in tl.static_range(right.shape[1]):
                padded += tl.where(index == k, column(right, k)[:, None], 0.0)
        sums = tl.dot(tl.trans(left.to(factors.dtype)), padded.to(factors.dtype), sums, input_precision="ieee")
    return sums


@triton.jit
def outer_total(sums):
    """`(N, K)` of what was added."""
    if len(sums.shape) == 3:
        sums = tl.sum(sums, 0)
    return sums


@triton.jit
def load_matrix(
    ptr, first, stride, ROWS: tl.constexpr, COLUMNS: tl.constexpr, PADDED_ROWS: tl.constexpr, PADDED: tl.constexpr
):
    """COLUMNS columns of a contiguous matrix from column `first` on, whose rows are `stride` apart; padded by zeros."""
    row = tl.arange(0, PADDED_ROWS)[:, None]
    column = tl.arange(0, PADDED)[None, :]
    real = (row < ROWS) & (column < COLUMNS)
    return tl.load(ptr + row * stride + first + column, mask=real, other=0.0)


@triton.jit
def store_matrix(ptr, first, stride, matrix, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Write the matrix without its padding where `load_matrix` reads it."""
    row = tl.arange(0, matrix.shape[0])[:, None]
    column = tl.arange(0, matrix.shape[1])[None, :]
    real = (row < ROWS) & (column < COLUMNS)
    tl.store(ptr + row * stride + first + column, matrix, mask=real)


@triton.jit
def load_vector(ptr, COUNT: tl.constexpr, PADDED: tl.constexpr):
    """COUNT neighbouring numbers, padded by zeros."""
    index = tl.arange(0, PADDED)
    return tl.load(ptr + index, mask=index < COUNT, other=0.0)


@triton.jit
def store_vector(ptr, vector, COUNT: tl.constexpr):
    """Write the first COUNT numbers."""
    index = tl.arange(0, vector.shape[0])
    tl.store(ptr + index, vector, mask=index < COUNT)
