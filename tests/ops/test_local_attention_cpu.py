"""The compiled loops of window attention against the plain form in float64."""

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from other_processors import PROCESSORS, compiled_with
from torch import Tensor
from window_problems import (
    MANY,
    assert_same,
    by_loops,
    channels_first,
    gaps,
    gradient_for,
    plainly,
    problem_of,
    tensors_of,
    transposed,
)

from sasa_nas.ops import local_attention
from sasa_nas.ops.compiled import load_library
from sasa_nas.ops.local_attention import cpu
from sasa_nas.ops.local_attention.cpu import cpu_cannot, cpu_forward, like_map
from sasa_nas.ops.local_attention.naive import WindowPadding
from sasa_nas.ops.local_attention.problem import Problem

SMALL = Problem(*(torch.ones(1, 3, 3, 1, 2) for _ in range(3)), None, None, 3, 1, 1.0, "mask")

needs_a_compiler = pytest.mark.skipif(
    cpu_cannot(SMALL) is not None, reason=f"the loops cannot run: {cpu_cannot(SMALL)}"
)
pytestmark = needs_a_compiler


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A single thread to begin with; a test may set others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@settings(deadline=None, max_examples=40)
@given(
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    kernel_size=st.sampled_from([1, 3, 5, 7, 9, 11, 13, 19]),
    dims=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    heads=st.integers(1, 2),
    batch=st.integers(1, 2),
    terms=st.sampled_from(["content", "relative", "both"]),
    per_head=st.booleans(),
    padding=st.sampled_from(["mask", "zeros"]),
)
def test_agrees_with_the_plain_form(
    size: tuple[int, int],
    kernel_size: int,
    dims: tuple[int, int],
    heads: int,
    batch: int,
    terms: str,
    per_head: bool,
    padding: WindowPadding,
) -> None:
    problem = problem_of(
        size,
        kernel_size,
        batch=batch,
        heads=heads,
        key_dim=dims[0],
        value_dim=dims[1],
        terms=terms,
        per_head=per_head,
        padding=padding,
    )
    # tables' gradients are sums over all pixels, and cancel where there is one row or column
    assert_same(problem, tolerance=2e-5)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("padding", ["mask", "zeros"])
@pytest.mark.parametrize(("size", "kernel_size"), [((40, 33), 11), ((42, 32), 11), ((30, 24), 21)])
def test_maps_too_large_for_one_band(size: tuple[int, int], kernel_size: int, padding: WindowPadding) -> None:
    # two maps one after the other, so that the second finds what the first has left behind
    problem = problem_of(size, kernel_size, batch=2, heads=1, key_dim=1, value_dim=1, padding=padding)
    assert_same(problem, tolerance=2e-5)


def test_the_log_sum_exp_is_torchs() -> None:
    problem = problem_of((4, 3), 7, terms="content")
    assert problem.key is not None
    logits = torch.einsum("bhwnd,byxnd->bhwnyx", problem.query, problem.key) * problem.scale
    torch.testing.assert_close(cpu_forward(problem)[1], logits.flatten(-2).logsumexp(-1))


@pytest.mark.parametrize("lay_out", [channels_first, gaps, transposed])
@pytest.mark.parametrize("size", [(5, 9), (8, 8), (2, 17)])
def test_takes_any_strides(lay_out: object, size: tuple[int, int]) -> None:
    assert callable(lay_out)
    problem = problem_of(size, 5, batch=2, key_dim=6, value_dim=9)
    grad_out = gradient_for(problem)
    moved = replace(problem, **{name: lay_out(getattr(problem, name)) for name in ("query", "key", "value")})
    for ours, expected in zip(by_loops(moved, lay_out(grad_out)), by_loops(problem, grad_out), strict=True):
        assert torch.equal(ours, expected)


def test_takes_expanded_inputs_and_gradients() -> None:
    problem = problem_of((4, 5), 3, batch=2)
    expanded = replace(problem, query=problem.query[:, :, :1].expand(-1, -1, 5, -1, -1))
    assert_same(expanded, torch.ones(()).expand(problem.value.shape))


def test_results_lie_in_memory_as_the_maps_do() -> None:
    problem = problem_of((4, 5), 3, batch=2)
    first = replace(problem, **{name: channels_first(getattr(problem, name)) for name in ("query", "key", "value")})
    for arguments, merge in (
        (problem, lambda heads: heads.flatten(3)),
        (first, lambda heads: heads.permute(0, 3, 4, 1, 2)),
    ):
        out, *grads = by_loops(arguments, gradient_for(problem))
        assert all(merge(heads).is_contiguous() for heads in (out, *grads[:3]))
        assert like_map(arguments.value).stride() == out.stride()


def test_an_empty_batch() -> None:
    problem = problem_of((3, 4), 3, batch=0)
    out, *grads = by_loops(problem, gradient_for(problem))
    assert out.shape == problem.value.shape
    assert [grad.shape for grad in grads] == [tensor.shape for tensor in tensors_of(problem) if tensor is not None]
    assert not grads[3].any()


@pytest.mark.usefixtures("one_thread")
def test_the_number_of_threads_changes_no_bit() -> None:
    problem = problem_of((9, 10), 5, batch=3, key_dim=8, value_dim=8)
    alone = by_loops(problem, gradient_for(problem))
    for count in (2, 3, 8):
        torch.set_num_threads(count)
        for ours, expected in zip(by_loops(problem, gradient_for(problem)), alone, strict=True):
            assert torch.equal(ours, expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e20])
@pytest.mark.parametrize("padding", ["mask", "zeros"])
@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_bad_numbers_stay_in_the_windows_that_hold_them(name: str, padding: WindowPadding, bad: float) -> None:
    problem = problem_of((6, 7), 3, terms="content", padding=padding)
    maps = getattr(problem, name).clone()
    maps[0, 2, 6, 1, 0] = bad
    out, grad_query, grad_key, grad_value = by_loops(replace(problem, **{name: maps}), gradient_for(problem))
    clean = by_loops(problem, gradient_for(problem))
    # three columns from the last one are too far for a window of three, and the other head hears nothing
    for ours, expected in zip((out, grad_query, grad_key, grad_value), clean, strict=True):
        assert torch.equal(ours[:, :, :3], expected[:, :, :3])
        assert torch.equal(ours[..., 0, :], expected[..., 0, :])


@pytest.mark.parametrize("width", [29, 32, 33])
def test_bad_numbers_stay_where_they_belong_on_maps_of_several_bands(width: int) -> None:
    problem = problem_of((42, width), 11, heads=1, key_dim=1, value_dim=1, terms="content")
    clean = by_loops(problem, gradient_for(problem))
    for row in range(0, 42, 3):
        query = problem.query.clone()
        query[:, row] = torch.nan
        for ours, expected in zip(by_loops(replace(problem, query=query), gradient_for(problem)), clean, strict=True):
            assert torch.equal(ours[:, : max(row - 5, 0)], expected[:, : max(row - 5, 0)])
            assert torch.equal(ours[:, row + 6 :], expected[:, row + 6 :])


def test_a_poisoned_gradient_stays_where_it_belongs() -> None:
    problem = problem_of((5, 6), 3, terms="content")
    grad_out = gradient_for(problem)
    grad_out[0, 1, 5, 0] = torch.nan
    for ours, expected in zip(
        by_loops(problem, grad_out)[1:], by_loops(problem, gradient_for(problem))[1:], strict=True
    ):
        assert torch.equal(ours[:, :, :3], expected[:, :, :3])
        assert ours.isnan().any()


@pytest.mark.usefixtures("one_thread")
def test_a_nan_leaves_nothing_behind_for_the_next_head() -> None:
    problem = problem_of((3, 32), 5, batch=4)
    poisoned = problem.value.clone()
    poisoned[0] = torch.nan
    after = by_loops(replace(problem, value=poisoned), gradient_for(problem))
    for ours, expected in zip(after[:4], by_loops(problem, gradient_for(problem))[:4], strict=True):
        assert torch.equal(ours[1:], expected[1:])


@pytest.mark.parametrize("scale", [1e4, 0.0, -1.0])
def test_logits_may_be_huge_or_all_the_same(scale: float) -> None:
    problem = problem_of((4, 5), 3, terms="content", scale=scale)
    exact = plainly(problem, gradient_for(problem))
    torch.testing.assert_close(cpu_forward(problem)[0].double(), exact[0], rtol=0, atol=2e-3)
    assert every(tensor.isfinite().all() for tensor in by_loops(problem, gradient_for(problem)))


def test_adds_up_many_small_weights_beside_a_large_one() -> None:
    query, key = torch.ones(1, 21, 21, 1, 1), torch.full((1, 21, 21, 1, 1), -17.0)
    key[0, 0, 0] = 0.0
    value = torch.ones_like(query)
    value[0, 0, 0] = 0.0
    problem = Problem(query, key, value, None, None, 41, 1, 1.0, "mask")
    small = 440 * torch.tensor(-17.0, dtype=torch.float64).exp()
    torch.testing.assert_close(
        cpu_forward(problem)[0].double(), (small / (1 + small)).expand(query.shape), rtol=1e-5, atol=0
    )


def test_works_in_a_forked_child() -> None:
    problem = problem_of((6, 6), 3, batch=2)
    expected = by_loops(problem, gradient_for(problem))
    child = os.fork()
    if child == 0:
        ours = by_loops(problem, gradient_for(problem))
        same = all(torch.equal(one, other) for one, other in zip(ours, expected, strict=True))
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({name: getattr(SMALL, name).double() for name in ("query", "key", "value")}, "float32, not float64"),
        ({name: getattr(SMALL, name).bfloat16() for name in ("query", "key", "value")}, "float32, not bfloat16"),
        ({name: getattr(SMALL, name).to("meta") for name in ("query", "key", "value")}, "on meta, not on a CPU"),
        ({"stride": 2}, "a stride of 1, not 2"),
    ],
)
def test_says_what_it_cannot_do(changed: dict[str, Tensor | int], why: str) -> None:
    assert {field.name for field in fields(Problem)} >= set(changed)
    assert cpu_cannot(SMALL) is None
    said = cpu_cannot(replace(SMALL, **changed))
    assert said is not None
    assert why in said


def test_without_a_compiler_another_form_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of((6, 6), 3)
    expected = by_loops(problem, gradient_for(problem))[0]
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    load_library.cache_clear()
    assert cpu_cannot(SMALL) == "no C compiler found (cc, gcc, clang)"
    out = local_attention(*tensors_of(problem), kernel_size=3, scale=0.7)
    torch.testing.assert_close(out, expected)
    load_library.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("options", PROCESSORS)
def test_other_processors(options: str, tmp_path: Path) -> None:
    with compiled_with(options, tmp_path):
        why = cpu_cannot(SMALL)
        if why is not None:
            pytest.skip(f"this compiler cannot: {why}")
        for size, kernel_size in (((5, 9), 3), ((14, 14), 7), ((3, 2), 11)):
            for padding in ("mask", "zeros"):
                assert_same(problem_of(size, kernel_size, key_dim=9, padding=padding), tolerance=2e-5)
        # the loops that put a head into every lane, too: they are in the same library
        for size, (key_dim, value_dim) in (((5, 9), (4, 4)), ((9, 14), (9, 3))):
            for padding in ("mask", "zeros"):
                many = problem_of(size, 7, batch=MANY, key_dim=key_dim, value_dim=value_dim, padding=padding)
                assert_same(many, tolerance=2e-5)


def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(dict[str, object]):
        def __missing__(self, name: str) -> object:
            return lambda job: 1

    monkeypatch.setattr(cpu, "load_library", lambda source: Broken())
    with pytest.raises(MemoryError, match="3x3"):
        cpu_forward(SMALL)
