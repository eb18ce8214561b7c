import pytest
import torch
from assertions import every
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sasa_nas.ops.local_attention.problem import Problem
from sasa_nas.ops.local_attention.triton_plan import (
    Pass,
    Plan,
    WindowShape,
    choose_plan,
    direct_plan,
    next_power_of_two,
    tile_plan,
)
from sasa_nas.ops.local_attention.triton_work import kernel_arguments, programs_of, window_shape

STEPS: list[Pass] = ["forward", "backward_query", "backward_key"]
SHAPES = st.builds(
    WindowShape,
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    depth=st.integers(1, 64),
    value_depth=st.integers(1, 64),
    kernel_size=st.integers(0, 30).map(lambda half: 2 * half + 1),
    stride=st.just(1),
    clipped=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)


def is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


@given(number=st.integers(1, 10**6))
def test_next_power_of_two(number: int) -> None:
    power = next_power_of_two(number)
    assert is_power_of_two(power)
    assert power / 2 < number <= power


@given(step=st.sampled_from(STEPS), shape=SHAPES)
def test_tiles_see_all_that_their_windows_reach(step: Pass, shape: WindowShape) -> None:
    plan = tile_plan(step, shape)
    assert plan.tile[0] * plan.tile[1] == 16
    rows, cols = (side + shape.kernel_size - 1 for side in plan.tile)
    if shape.clipped or step == "backward_key":
        rows, cols = min(rows, shape.height), min(cols, shape.width)
    assert plan.reach == (rows, cols)
    assert plan.span >= cols
    assert every(map(is_power_of_two, (plan.rows, plan.warps, plan.span, plan.step_rows)))
    # the inner dimension of tensor cores
    assert plan.span * plan.step_rows >= 16
    assert step != "backward_key" or plan.step_rows == 1


@given(step=st.sampled_from(STEPS), shape=SHAPES)
def test_programs_without_tensor_cores_hold_some_rows(step: Pass, shape: WindowShape) -> None:
    assert is_power_of_two(direct_plan(step, shape).rows)


def shape_of(**changed: int | torch.dtype | bool) -> WindowShape:
    usual = {"height": 28, "width": 28, "depth": 16, "value_depth": 16, "kernel_size": 7, "stride": 1}
    return WindowShape(**{**usual, "clipped": True, "dtype": torch.bfloat16, **changed})


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("tile", {}),
        ("tile", {"kernel_size": 3}),
        ("tile", {"depth": 8, "value_depth": 8}),
        ("direct", {"kernel_size": 3, "depth": 8, "value_depth": 8}),
        ("direct", {"dtype": torch.float32}),
        ("direct", {"stride": 2}),
        ("direct", {"value_depth": 65}),
        ("direct", {"wide": True}),
    ],
)
def test_the_choice(kind: str, changed: dict[str, int]) -> None:
    assert {choose_plan(step, shape_of(**changed)).kind for step in STEPS} == {kind}


def test_sasas_window_on_sasas_maps() -> None:
    plan = tile_plan("forward", shape_of())
    assert plan == Plan("tile", 64, 4, (2, 8), reach=(8, 14), span=16, step_rows=8)


def problem_of(query: Tensor, kernel_size: int = 7, *, table: Tensor | None = None) -> Problem:
    return Problem(query, query, query, table, table, kernel_size, 1, 1.0, "mask")


def word_of(query: Tensor) -> object:
    problem = problem_of(query)
    shape = window_shape(problem, {"query": query})
    return kernel_arguments("forward", problem, {"query": query}, shape, choose_plan("forward", shape))["WORD"]


def test_words_are_as_long_as_all_vectors_are_aligned() -> None:
    maps = torch.zeros(2, 4, 4, 2, 16, dtype=torch.float16)
    assert word_of(maps) == 8
    assert word_of(maps.float()) == 4
    assert word_of(maps[..., :12]) == 8
    assert word_of(maps[..., 4:]) == 4
    assert word_of(maps[..., 1:]) == 1
    assert word_of(maps.permute(0, 3, 4, 1, 2)) == 1
    assert word_of(torch.zeros(2, 4, 4, 2, 6, dtype=torch.float16)) == 2


def test_strides_are_in_words() -> None:
    maps = torch.zeros(2, 4, 5, 2, 16, dtype=torch.float16)
    problem = problem_of(maps)
    shape = window_shape(problem, {"query": maps})
    arguments = kernel_arguments("forward", problem, {"query": maps}, shape, choose_plan("forward", shape))
    assert [arguments[f"query_s{axis}"] for axis in "byxhc"] == [80, 20, 4, 2, 1]


@pytest.mark.parametrize("per_head", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 3, 6, 8])
def test_every_vector_has_a_program(heads: int, per_head: bool) -> None:
    maps = torch.zeros(3, 9, 11, heads, 8, dtype=torch.float16)
    problem = problem_of(maps, table=torch.zeros(*((heads,) if per_head else ()), 7, 8, dtype=torch.float16))
    shape = window_shape(problem, {"query": maps})
    for step in STEPS:
        direct, tile = direct_plan(step, shape), tile_plan(step, shape)
        assert programs_of(step, problem, direct) * direct.rows >= 3 * 9 * 11 * heads
        covered = programs_of(step, problem, tile) * tile.rows
        assert covered >= 3 * 9 * 11 * heads
        if per_head:
            assert programs_of(step, problem, direct) % heads == 0
            assert programs_of(step, problem, tile) % heads == 0


def test_images_too_large_for_32_bits_are_wide() -> None:
    image = torch.empty(1, 6000, 6000, 8, 8, dtype=torch.float16, device="meta")
    assert window_shape(problem_of(image), {"query": image}).wide
    assert not window_shape(problem_of(image[:, :1000]), {"query": image[:, :1000].clone()}).wide
