"""The compiled loops of whole-map attention against the plain form in float64."""

import ctypes
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from other_processors import PROCESSORS, compiled_with
from torch import Tensor

from sasa_nas.ops.compiled import load_library
from sasa_nas.ops.global_attention import cpu
from sasa_nas.ops.global_attention import global_attention as dispatched
from sasa_nas.ops.global_attention.cpu import cpu_backward, cpu_cannot, cpu_forward
from sasa_nas.ops.global_attention.naive import global_attention as plain
from sasa_nas.ops.global_attention.problem import GlobalProblem

MAPS = ("query", "key", "value")
SMALL = GlobalProblem(*(torch.ones(1, 3, 3, 1, 2) for _ in MAPS), None, None, 1.0)
WHY = cpu_cannot(SMALL)
pytestmark = pytest.mark.skipif(WHY is not None, reason=f"the loops cannot run: {WHY}")


def problem_of(
    size: tuple[int, int],
    *,
    batch: int = 1,
    heads: int = 2,
    dims: tuple[int, int] = (3, 5),
    relative: bool = True,
    scale: float = 0.7,
    spread: float = 1.0,
) -> GlobalProblem:
    """Random float32 numbers of standard deviation `spread` from a fixed seed; `dims` are those of keys and values."""
    generator = torch.Generator().manual_seed(3)
    pixels = (batch, *size, heads)
    shapes = [(*pixels, dims[0]), (*pixels, dims[0]), (*pixels, dims[1]), *((2 * side - 1, dims[0]) for side in size)]
    query, key, value, rows, cols = (torch.randn(shape, generator=generator) * spread for shape in shapes)
    return GlobalProblem(query, key, value, rows if relative else None, cols if relative else None, scale)


def gradient_for(problem: GlobalProblem) -> Tensor:
    return torch.randn(problem.value.shape, generator=torch.Generator().manual_seed(4))


def tensors_of(problem: GlobalProblem) -> list[Tensor]:
    tensors = (problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols)
    return [tensor for tensor in tensors if tensor is not None]


def by_loops(problem: GlobalProblem, grad_out: Tensor | None = None) -> list[Tensor]:
    """The output, and the gradients of all tensors that there are."""
    out, lse = cpu_forward(problem)
    gradients = cpu_backward(problem, out, lse, gradient_for(problem) if grad_out is None else grad_out)
    return [out, *(gradient for gradient in gradients if gradient is not None)]


def plainly(problem: GlobalProblem, grad_out: Tensor | None = None) -> list[Tensor]:
    """As `by_loops`, by the plain form in float64 and autograd."""
    grad_out = gradient_for(problem) if grad_out is None else grad_out
    tensors = [tensor.double().requires_grad_() for tensor in tensors_of(problem)]
    out = plain(*tensors, scale=problem.scale)
    return [out.detach(), *torch.autograd.grad(out, tensors, grad_out.double())]


def assert_same(problem: GlobalProblem, grad_out: Tensor | None = None, tolerance: float = 1e-5) -> None:
    """Errors are relative to the largest number of a tensor, but for those that are zero but for rounding."""
    for ours, exact in zip(by_loops(problem, grad_out), plainly(problem, grad_out), strict=True):
        assert ours.shape == exact.shape
        size = max(exact.abs().max().item(), 1.0)
        torch.testing.assert_close(ours.double(), exact, rtol=0, atol=tolerance * size)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A single thread to begin with; a test may set others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@settings(deadline=None, max_examples=25)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    dims=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    heads=st.integers(1, 2),
    batch=st.integers(1, 2),
    relative=st.booleans(),
    spread=st.sampled_from([0.3, 1.0, 3.0]),
)
def test_agrees_with_the_plain_form(
    size: tuple[int, int], dims: tuple[int, int], heads: int, batch: int, relative: bool, spread: float
) -> None:
    # small numbers need no peak taken off, large ones do
    assert_same(problem_of(size, dims=dims, heads=heads, batch=batch, relative=relative, spread=spread), tolerance=3e-5)


@pytest.mark.parametrize(
    ("size", "dims"),
    [((28, 28), (20, 4)), ((32, 32), (1, 1)), ((1, 70), (2, 3)), ((45, 3), (4, 2)), ((9, 9), (32, 32))],
)
@pytest.mark.parametrize("relative", [False, True])
def test_maps_and_heads_of_many_sizes(size: tuple[int, int], dims: tuple[int, int], relative: bool) -> None:
    assert_same(problem_of(size, dims=dims, heads=1, relative=relative, scale=dims[0] ** -0.5))


@pytest.mark.parametrize("spread", [0.1, 2.0])
def test_the_log_sum_exp_is_torchs(spread: float) -> None:
    problem = problem_of((4, 3), relative=False, spread=spread)
    logits = torch.einsum("bhwnd,byxnd->bhwnyx", problem.query, problem.key) * problem.scale
    torch.testing.assert_close(cpu_forward(problem)[1], logits.flatten(-2).logsumexp(-1))


def channels_first(heads: Tensor) -> Tensor:
    return heads.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)


def gaps(heads: Tensor) -> Tensor:
    """The same numbers with others between them."""
    wide = torch.full([2 * size for size in heads.shape], torch.nan)
    wide[::2, ::2, ::2, ::2, ::2] = heads
    return wide[::2, ::2, ::2, ::2, ::2]


@pytest.mark.parametrize("lay_out", [channels_first, gaps])
@pytest.mark.parametrize(("size", "dims"), [((5, 9), (6, 9)), ((4, 4), (1, 1))])
def test_takes_any_strides(lay_out: Callable[[Tensor], Tensor], size: tuple[int, int], dims: tuple[int, int]) -> None:
    problem = problem_of(size, batch=2, dims=dims)
    moved = replace(problem, **{name: lay_out(getattr(problem, name)) for name in MAPS})
    tables = {name: getattr(problem, name).t().contiguous().t() for name in ("rel_rows", "rel_cols")}
    moved = replace(moved, **tables)
    for ours, expected in zip(by_loops(moved, lay_out(gradient_for(problem))), by_loops(problem), strict=True):
        assert torch.equal(ours, expected)


def test_takes_expanded_inputs_and_gradients() -> None:
    problem = problem_of((4, 5), batch=2)
    expanded = replace(problem, query=problem.query[:, :, :1].expand(-1, -1, 5, -1, -1))
    assert_same(expanded, torch.ones(()).expand(problem.value.shape))


def leave_nan_in_free_memory() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    blocks = [
        (libc.malloc(size), size) for size in (500, 1000, 2000, 4000, 8000, 16000, 30000, 60000) for _ in range(6)
    ]
    for block, size in blocks:
        ctypes.memset(block, 255, size)
    for block, _ in blocks:
        libc.free(block)


@pytest.mark.parametrize("size", [(3, 7), (9, 10), (1, 12)])
def test_what_free_memory_holds_does_not_matter(size: tuple[int, int]) -> None:
    problem = problem_of(size, batch=2)
    out, lse = cpu_forward(problem)
    clean = [out, *cpu_backward(problem, out, lse, gradient_for(problem))]
    for _ in range(3):
        leave_nan_in_free_memory()
        out, lse = cpu_forward(problem)
        leave_nan_in_free_memory()
        again = [out, *cpu_backward(problem, out, lse, gradient_for(problem))]
        assert every(torch.equal(*pair) for pair in zip(again, clean, strict=True))


def test_an_empty_batch() -> None:
    problem = problem_of((3, 4), batch=0)
    out, *gradients = by_loops(problem)
    assert out.shape == problem.value.shape
    assert [gradient.shape for gradient in gradients] == [tensor.shape for tensor in tensors_of(problem)]
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.usefixtures("one_thread")
def test_the_number_of_threads_changes_no_bit() -> None:
    problem = problem_of((9, 10), batch=3)
    alone = by_loops(problem)
    for count in (2, 3, 8):
        torch.set_num_threads(count)
        assert every(torch.equal(*pair) for pair in zip(by_loops(problem), alone, strict=True))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_bad_numbers_stay_in_their_head(name: str, bad: float) -> None:
    problem = problem_of((3, 7), batch=2)
    maps = getattr(problem, name).clone()
    maps[0, 2, 6, 1, 0] = bad
    for ours, clean in zip(by_loops(replace(problem, **{name: maps}))[:4], by_loops(problem)[:4], strict=True):
        # one head after the other on one thread: nothing is left behind for the next
        assert torch.equal(ours[0, :, :, 0], clean[0, :, :, 0])
        assert torch.equal(ours[1], clean[1])


@pytest.mark.parametrize("name", ["query", "value", "grad_out"])
def test_a_nan_reaches_what_depends_on_it_and_nothing_else(name: str) -> None:
    problem = problem_of((3, 7), heads=1, relative=False)
    given = {name: getattr(problem, name) for name in MAPS} | {"grad_out": gradient_for(problem)}
    given[name] = given[name].clone()
    given[name][0, 1, 2, 0, 0] = torch.nan
    grad_out = given.pop("grad_out")
    ours, exact = (compute(replace(problem, **given), grad_out) for compute in (by_loops, plainly))
    assert any(tensor.isnan().any() for tensor in ours)
    assert every(torch.equal(one.isnan(), other.isnan()) for one, other in zip(ours, exact, strict=True))


def test_a_key_infinitely_far_from_all_queries_weighs_nothing() -> None:
    problem = problem_of((3, 5), heads=1, dims=(1, 2), relative=False)
    key = problem.key.clone()
    key[0, 1, 1] = -torch.inf
    problem = replace(problem, query=problem.query.abs() + 0.1, key=key)
    for ours, exact in zip(by_loops(problem), plainly(problem), strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=1e-5, equal_nan=True)
    assert by_loops(problem)[2].isfinite().all()


@pytest.mark.parametrize("scale", [1e4, 0.0, -1.0])
def test_logits_may_be_huge_or_all_the_same(scale: float) -> None:
    problem = problem_of((4, 5), scale=scale)
    out = plainly(problem)[0]
    torch.testing.assert_close(cpu_forward(problem)[0].double(), out, rtol=0, atol=2e-3 * max(abs(scale) / 1e3, 1))
    assert every(tensor.isfinite().all() for tensor in by_loops(problem))


def test_adds_up_many_small_weights_beside_a_large_one() -> None:
    query, key = torch.ones(1, 21, 21, 1, 1), torch.full((1, 21, 21, 1, 1), -17.0)
    key[0, 0, 0] = 0.0
    value = torch.ones_like(query)
    value[0, 0, 0] = 0.0
    small = 440 * torch.tensor(-17.0, dtype=torch.float64).exp()
    expected = (small / (1 + small)).expand(query.shape)
    for shift in (0.0, -40.0):  # with and without a peak to take off
        out, _ = cpu_forward(GlobalProblem(query, key + shift, value, None, None, 1.0))
        torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=0)


def test_values_too_large_to_weigh_without_a_peak() -> None:
    problem = problem_of((4, 4), relative=False, spread=3.0)
    problem = replace(problem, value=problem.value * 1e37)
    torch.testing.assert_close(cpu_forward(problem)[0].double(), plainly(problem)[0], rtol=1e-4, atol=1e33)


def test_works_in_a_forked_child() -> None:
    problem = problem_of((6, 6), batch=2)
    expected = by_loops(problem)
    child = os.fork()
    if child == 0:
        same = all(torch.equal(one, other) for one, other in zip(by_loops(problem), expected, strict=True))
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("moved", "why"),
    [
        (lambda tensor: tensor.double(), "float32, not float64"),
        (lambda tensor: tensor.bfloat16(), "float32, not bfloat16"),
        (lambda tensor: tensor.to("meta"), "on meta, not on a CPU"),
    ],
)
def test_says_what_it_cannot_do(moved: Callable[[Tensor], Tensor], why: str) -> None:
    said = cpu_cannot(replace(SMALL, **{name: moved(getattr(SMALL, name)) for name in MAPS}))
    assert said is not None
    assert why in said


def test_without_a_compiler_another_form_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of((9, 9))
    expected = by_loops(problem)[0]
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    load_library.cache_clear()
    assert cpu_cannot(SMALL) == "no C compiler found (cc, gcc, clang)"
    torch.testing.assert_close(dispatched(*tensors_of(problem), scale=0.7), expected, rtol=1e-4, atol=1e-5)
    load_library.cache_clear()


def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(dict[str, object]):
        def __missing__(self, name: str) -> object:
            return lambda job: 1

    monkeypatch.setattr(cpu, "load_library", lambda source: Broken())
    with pytest.raises(MemoryError, match="3x3"):
        cpu_forward(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("options", PROCESSORS)
def test_other_processors(options: str, tmp_path: Path) -> None:
    with compiled_with(options, tmp_path):
        why = cpu_cannot(SMALL)
        if why is not None:
            pytest.skip(f"this compiler cannot: {why}")
        for size in ((5, 9), (14, 14), (3, 2), (16, 16)):
            for spread in (0.3, 3.0):
                assert_same(problem_of(size, dims=(5, 2), spread=spread), tolerance=3e-5)
        assert_same(problem_of((7, 7), relative=False))


@pytest.mark.parametrize("scale", [1e3, 3e4, 1e6])
@pytest.mark.parametrize("relative", [False, True])
def test_huge_logits_choose_the_largest(scale: float, relative: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    # logits up to 1e13, whose last digit stands for a million
    maps = [torch.randn(2, 3, 5, 2, depth, generator=draw) * scale for depth in (4, 4, 2)]
    tables = [torch.randn(count, 4, generator=draw) for count in (5, 9)] if relative else [None, None]
    problem = GlobalProblem(*maps, *tables, 0.5)
    out, lse = cpu_forward(problem)
    exact = plain(*(None if x is None else x.double() for x in (*maps, *tables)), scale=0.5)
    torch.testing.assert_close(out.double(), exact, rtol=1e-5, atol=1e-5 * scale)
    gradients = cpu_backward(problem, out, lse, torch.ones_like(out))
    assert every(x.isfinite().all() for x in gradients[:3])
