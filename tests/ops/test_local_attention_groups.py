"""The loops that put a head into every lane, which run where there are many heads, against the plain form."""

from dataclasses import replace

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
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

from sasa_nas.ops.local_attention.cpu import cpu_cannot, cpu_forward
from sasa_nas.ops.local_attention.naive import WindowPadding
from sasa_nas.ops.local_attention.problem import Problem

SMALL = Problem(*(torch.ones(1, 3, 3, 1, 2) for _ in range(3)), None, None, 3, 1, 1.0, "mask")
pytestmark = pytest.mark.skipif(cpu_cannot(SMALL) is not None, reason=f"the loops cannot run: {cpu_cannot(SMALL)}")


@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 12)),
    kernel_size=st.sampled_from([1, 3, 5, 7, 11]),
    dims=st.one_of(st.integers(1, 12).map(lambda dim: (dim, dim)), st.tuples(st.integers(1, 18), st.integers(1, 18))),
    terms=st.sampled_from(["content", "relative", "both"]),
    per_head=st.booleans(),
    padding=st.sampled_from(["mask", "zeros"]),
)
def test_agrees_with_the_plain_form(
    size: tuple[int, int],
    kernel_size: int,
    dims: tuple[int, int],
    terms: str,
    per_head: bool,
    padding: WindowPadding,
) -> None:
    problem = problem_of(
        size,
        kernel_size,
        batch=MANY,
        key_dim=dims[0],
        value_dim=dims[1],
        terms=terms,
        per_head=per_head,
        padding=padding,
    )
    # tables' gradients are sums over all pixels of 33 images, and cancel where there is one row or column
    assert_same(problem, tolerance=1e-4)


@pytest.mark.parametrize("dims", [(4, 4), (9, 3)])
def test_as_the_loops_for_few_heads(dims: tuple[int, int]) -> None:
    problem = problem_of((6, 9), 5, batch=MANY, key_dim=dims[0], value_dim=dims[1])
    few = replace(problem, **{name: getattr(problem, name)[:1] for name in ("query", "key", "value")})
    grad_out = gradient_for(problem)
    for many, alone in zip(by_loops(problem, grad_out)[:4], by_loops(few, grad_out[:1])[:4], strict=True):
        torch.testing.assert_close(many[:1], alone, rtol=2e-5, atol=1e-5)
    torch.testing.assert_close(cpu_forward(problem)[1][:1], cpu_forward(few)[1])


@pytest.mark.parametrize("lay_out", [channels_first, gaps, transposed])
@pytest.mark.parametrize("dim", [4, 6])
def test_takes_any_strides(lay_out: object, dim: int) -> None:
    assert callable(lay_out)
    problem = problem_of((3, 9), 5, batch=MANY, key_dim=dim, value_dim=dim)
    grad_out = gradient_for(problem)
    moved = replace(problem, **{name: lay_out(getattr(problem, name)) for name in ("query", "key", "value")})
    for ours, expected in zip(by_loops(moved, lay_out(grad_out)), by_loops(problem, grad_out), strict=True):
        assert torch.equal(ours, expected)


def test_the_number_of_threads_changes_no_bit() -> None:
    problem = problem_of((5, 10), 5, batch=MANY, key_dim=4, value_dim=4)
    before = torch.get_num_threads()
    results = []
    for count in (1, 3):
        torch.set_num_threads(count)
        results.append(by_loops(problem, gradient_for(problem)))
    torch.set_num_threads(before)
    assert every(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e20, 1e30])
@pytest.mark.parametrize("dim", [4, 11])
@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_bad_numbers_stay_in_the_windows_that_hold_them(name: str, dim: int, bad: float) -> None:
    problem = problem_of((6, 7), 3, batch=MANY, terms="content", key_dim=dim, value_dim=dim)
    maps = getattr(problem, name).clone()
    maps[0, 2, 6, 1, 0] = bad
    poisoned = replace(problem, **{name: maps})
    grads = gradient_for(problem)
    clean = by_loops(problem, grads)
    for ours, expected in zip(by_loops(poisoned, grads), clean, strict=True):
        # three columns from the last one are too far for a window of three; other heads and images hear nothing
        assert torch.equal(ours[:, :, :3], expected[:, :, :3])
        assert torch.equal(ours[..., 0, :], expected[..., 0, :])
        assert torch.equal(ours[1:], expected[1:])
    assert torch.equal(by_loops(poisoned, grads)[0].isnan(), plainly(poisoned, grads)[0].isnan())


@pytest.mark.parametrize("dim", [4, 11])
def test_logits_may_be_huge(dim: int) -> None:
    # on both sides of what is known to be small, and far beyond
    for scale in (2.0, 8.0, 1e4):
        problem = problem_of((4, 5), 3, batch=MANY, key_dim=dim, value_dim=dim, scale=scale)
        exact = plainly(problem, gradient_for(problem))
        torch.testing.assert_close(cpu_forward(problem)[0].double(), exact[0], rtol=0, atol=4e-7 * max(scale, 8) * dim)
        assert every(tensor.isfinite().all() for tensor in by_loops(problem, gradient_for(problem)))


def test_values_may_be_huge_where_logits_are_not_all_the_same() -> None:
    problem = problem_of((4, 5), 3, batch=MANY, key_dim=4, value_dim=4, scale=2.0)
    huge = replace(problem, value=problem.value * 1e30)
    expected = plainly(huge, gradient_for(problem))[0]
    torch.testing.assert_close(cpu_forward(huge)[0].double(), expected, rtol=0, atol=1e25)


def test_expanded_gradients_and_empty_maps() -> None:
    problem = problem_of((4, 5), 3, batch=MANY, key_dim=4, value_dim=4)
    assert_same(problem, torch.ones(()).expand(problem.value.shape), tolerance=2e-5)
    empty = replace(problem, **{name: getattr(problem, name)[:, :, :0] for name in ("query", "key", "value")})
    out, *grads = by_loops(empty, gradient_for(empty))
    assert out.shape == empty.value.shape
    assert [grad.shape for grad in grads] == [tensor.shape for tensor in tensors_of(empty) if tensor is not None]
    assert not grads[3].any()
