"""Products of small matrices with planes, called from a few lines of C."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from other_processors import NIGHT, VARIANTS, compiled_with
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library

SOURCE = """
#include "products.h"

int lanes(void) { return LANES; }

void multiply(int64_t finish, int64_t rows, int64_t depth, int64_t vectors, const float *weights, int64_t row,
              int64_t col, const float *bias, const float *from, float *to, const float *gate)
{
    Matrix matrix = {weights, row, col};
    int64_t step = vectors * LANES;
    if (finish == PLAIN)
        multiply_planes(rows, depth, vectors, matrix, bias, from, step, to, step);
    else if (finish == RELU)
        multiply_planes_relu(rows, depth, vectors, matrix, bias, from, step, to, step);
    else if (finish == GATED)
        multiply_planes_gated(rows, depth, vectors, matrix, bias, from, step, to, step, gate);
    else
        add_multiplied_planes(rows, depth, vectors, matrix, bias, from, step, to, step);
}

void outer(int64_t rows, int64_t cols, int64_t vectors, const float *a, const float *b, float *to)
{
    add_outer_products(rows, cols, vectors, a, vectors * LANES, b, vectors * LANES, to, cols);
}
"""

SIZES = [(1, 1, 1), (2, 3, 2), (4, 6, 25), (5, 4, 3), (7, 10, 9), (16, 18, 49), (13, 1, 6)]
"""Rows, columns of the matrix, vectors of columns of the planes."""


@pytest.fixture(
    scope="module",
    params=["own", *(pytest.param(name, marks=[pytest.mark.night] * (name in NIGHT)) for name in VARIANTS)],
)
def functions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ctypes.CDLL]:
    folder: Path = tmp_path_factory.mktemp("products")
    (folder / "functions.c").write_text(SOURCE)
    with compiled_with(VARIANTS.get(request.param, ""), folder):
        try:
            yield load_library(folder / "functions.c")
        except CannotCompileError as error:
            pytest.skip(str(error))


def call(function: object, *arguments: Tensor | int | None) -> None:
    assert callable(function)
    function(
        *(
            ctypes.c_void_p(None if argument is None else argument.data_ptr())
            if not isinstance(argument, int)
            else ctypes.c_int64(argument)
            for argument in arguments
        )
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("finish", range(4))
def test_products_with_planes(functions: ctypes.CDLL, size: tuple[int, int, int], finish: int) -> None:
    rows, depth, vectors = size
    columns = vectors * functions.lanes()
    torch.manual_seed(rows)
    weights, bias = torch.randn(depth, rows).t(), torch.randn(rows) if rows % 2 else None
    planes, gate, before = torch.randn(depth, columns), torch.randn(rows, columns), torch.randn(rows, columns)
    result = before.clone()
    call(functions.multiply, finish, rows, depth, vectors, weights, *weights.stride(), bias, planes, result, gate)
    product = weights.double() @ planes.double() + (0 if bias is None else bias.double()[:, None])
    expected = (product, product.relu(), product * (gate > 0), product + before)[finish]
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_products_of_planes(functions: ctypes.CDLL, size: tuple[int, int, int]) -> None:
    rows, cols, vectors = size
    columns = vectors * functions.lanes()
    torch.manual_seed(rows)
    a, b, before = torch.randn(rows, columns), torch.randn(cols, columns), torch.randn(rows, cols)
    result = before.clone()
    call(functions.outer, rows, cols, vectors, a, b, result)
    torch.testing.assert_close(result.double(), before + a.double() @ b.double().t(), rtol=1e-5, atol=1e-4)
