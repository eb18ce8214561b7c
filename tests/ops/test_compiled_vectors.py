"""The functions that the compiled loops share, called from a few lines of C."""

import ctypes
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library

SOURCE = """
#include "maps.h"
#include "tasks.h"

void exponentials(const float *from, float *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += LANES)
        store(to + i, exponential(load(from + i)));
}

void powers_of_two(const float *from, float *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += LANES)
        store(to + i, power_of_two(load(from + i)));
}

void logarithms(const float *from, float *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += LANES)
        store(to + i, logarithm(load(from + i)));
}

static void add_one(const void *job, int64_t task, float *scratch)
{
    int32_t **counts = (int32_t **)job;
    __atomic_fetch_add(*counts + task, 1, __ATOMIC_RELAXED);
    scratch[task] += 1; /* the scratch is the thread's own, and as long as was said */
}

int count_tasks(int32_t *counts, int64_t tasks, int64_t floats, int64_t threads)
{
    Tasks all = {add_one, &counts, tasks, floats, 0};
    return do_tasks(&all, threads);
}
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    source: Path = tmp_path_factory.mktemp("vectors") / "functions.c"
    source.write_text(SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(source.parent))
        try:
            return load_library(source)
        except CannotCompileError as error:
            pytest.skip(str(error))


def applied(functions: ctypes.CDLL, name: str, numbers: Tensor) -> Tensor:
    assert numbers.numel() % 16 == 0
    result = torch.empty_like(numbers)
    functions[name](
        ctypes.c_void_p(numbers.data_ptr()), ctypes.c_void_p(result.data_ptr()), ctypes.c_int64(numbers.numel())
    )
    return result


def test_exponentials_are_right_to_the_last_bits(functions: ctypes.CDLL) -> None:
    numbers = torch.linspace(-87.0, 88.0, 16 * 20_000)
    exact = numbers.double().exp()
    error = (applied(functions, "exponentials", numbers).double() - exact).abs() / exact
    assert error.max() < 1.5e-7


def test_exponentials_of_the_least_and_of_what_is_no_number(functions: ctypes.CDLL) -> None:
    numbers = torch.tensor([-torch.inf, -1e30, -200.0, -88.0, 0.0, torch.nan, -0.0, 1.0]).repeat(2)
    result = applied(functions, "exponentials", numbers)[:8]
    assert result[:4].tolist() == [0.0] * 4
    assert result[[4, 6]].tolist() == [1.0, 1.0]
    assert result[5].isnan()
    torch.testing.assert_close(result[7], torch.tensor(1.0).exp())


def test_powers_of_two_are_right_to_the_last_bits(functions: ctypes.CDLL) -> None:
    numbers = torch.linspace(-126.0, 127.0, 16 * 20_000)
    exact = numbers.double().exp2()
    error = (applied(functions, "powers_of_two", numbers).double() - exact).abs() / exact
    assert error.max() < 1.5e-7
    edges = torch.tensor([-torch.inf, -1e30, -127.0, 0.0, -0.0, 1.0, -3.0, torch.nan]).repeat(2)
    result = applied(functions, "powers_of_two", edges)[:8]
    assert result[:7].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 0.125]
    assert result[7].isnan()


def test_logarithms_are_right_to_the_last_bits(functions: ctypes.CDLL) -> None:
    numbers = torch.cat([torch.linspace(-87.0, 88.0, 16 * 10_000).exp(), torch.linspace(0.5, 2.0, 16 * 10_000)])
    exact = numbers.double().log()
    error = (applied(functions, "logarithms", numbers).double() - exact).abs() / exact.abs().clamp_min(1.0)
    assert error.max() < 1.5e-7
    edges = torch.tensor([0.0, torch.inf, torch.nan, 1.0]).repeat(4)
    result = applied(functions, "logarithms", edges)[:4]
    assert result[:3].isnan().all()
    assert result[3] == 0.0


@pytest.mark.parametrize("threads", [1, 2, 7, 1000])
@pytest.mark.parametrize("tasks", [0, 1, 5, 300])
def test_every_task_is_done_once(functions: ctypes.CDLL, tasks: int, threads: int) -> None:
    counts = torch.zeros(tasks, dtype=torch.int32)
    sizes = (ctypes.c_int64(size) for size in (tasks, max(tasks, 1), threads))
    assert functions.count_tasks(ctypes.c_void_p(counts.data_ptr()), *sizes) == 0
    assert counts.eq(1).all()


def test_too_little_memory_is_reported(functions: ctypes.CDLL) -> None:
    counts = torch.zeros(2, dtype=torch.int32)
    sizes = (ctypes.c_int64(size) for size in (2, 2**57, 2))
    assert functions.count_tasks(ctypes.c_void_p(counts.data_ptr()), *sizes) == 1
    assert not counts.any()
