import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from assertions import every
from hypothesis import example, given, settings
from hypothesis import strategies as st
from interpreted_kernels import (
    Case,
    Kind,
    Layout,
    Terms,
    error_far_apart,
    error_of_the_operator,
    errors,
    errors_beside_the_plain_form,
    errors_of_global_attention,
    reruns_differ,
)
from interpreter_process import Interpreter

KINDS: list[Kind] = ["direct", "tile"]
TOLERANCE = {"float32": 1e-5, "float16": 4e-3}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    interpreter = Interpreter()
    yield interpreter
    interpreter.close()


BY_LOGITS_FLOAT16 = 8e-3
"""For gradients by way of logits in float16, which are products of a weight and a difference that may cancel: it is off
by the pixel's output, which is rounded, times the output's gradient. Where one weight is nearly 1, or where the map has
a single row, whose embeddings the softmax does not see, the gradient is nearly 0, and this error is all there is."""


def assert_right(interpreter: Interpreter, case: Case) -> None:
    found = interpreter.call(errors, case)
    bounds = [TOLERANCE[case.dtype]] * len(found)
    if case.dtype == "float16":
        # of output, log-sum-exp, and the gradients of query, key, value, and tables, as far as there are any
        by_logits = [2, *([3] if case.terms != "relative" else []), *([-2, -1] if case.terms != "content" else [])]
        for place in by_logits:
            bounds[place] = BY_LOGITS_FLOAT16
    # NaN is not below anything
    assert every(error < bound for error, bound in zip(found, bounds, strict=True)), found


CASES = st.builds(
    Case,
    kind=st.sampled_from(KINDS),
    height=st.integers(1, 6),
    width=st.integers(1, 9),
    kernel_size=st.sampled_from([1, 3, 5]),
    batch=st.integers(0, 2),
    heads=st.integers(1, 4),
    depth=st.sampled_from([1, 2, 5, 8, 16]),
    value_depth=st.sampled_from([1, 3, 8, 16]),
    scale=st.sampled_from([0.5, 1.0, -0.7]),
    padding=st.sampled_from(["mask", "zeros"]),
    terms=st.sampled_from(["content", "relative", "both"]),
    per_head=st.booleans(),
    dtype=st.sampled_from(["float32", "float16"]),
    layout=st.sampled_from(["channels_last", "channels_first", "inside_nan", "expanded"]),
)


@settings(deadline=None, max_examples=12)
@given(case=CASES)
def test_any_case_agrees_with_the_plain_form_in_float64(interpreter: Interpreter, case: Case) -> None:
    assert_right(interpreter, case)


@pytest.mark.night
@pytest.mark.timeout(400)
@settings(deadline=None, max_examples=100)
@given(case=CASES)
def test_many_cases_agree_with_the_plain_form_in_float64(interpreter: Interpreter, case: Case) -> None:
    assert_right(interpreter, case)


@settings(deadline=None, max_examples=8)
@given(case=CASES, stride=st.integers(2, 3))
@example(
    # nearly all weight on one key
    case=Case(
        "direct",
        height=2,
        width=4,
        kernel_size=5,
        heads=1,
        depth=5,
        value_depth=16,
        scale=1.0,
        padding="zeros",
        dtype="float16",
    ),
    stride=2,
)
def test_strided_queries(interpreter: Interpreter, case: Case, stride: int) -> None:
    assert_right(interpreter, replace(case, kind="direct", stride=stride))


def test_embeddings_that_the_softmax_does_not_see(interpreter: Interpreter) -> None:
    case = Case("direct", height=1, width=3, kernel_size=3, batch=2, heads=4, depth=5, value_depth=8)
    assert_right(interpreter, replace(case, terms="relative", padding="mask", scale=-0.7, dtype="float16"))


@pytest.mark.parametrize(
    ("kind", "padding"),
    [
        *(("direct", "mask"), ("tile", "zeros")),
        *(pytest.param(*case, marks=pytest.mark.night) for case in (("direct", "zeros"), ("tile", "mask"))),
    ],
)
def test_sasas_window_over_more_than_one_tile(interpreter: Interpreter, kind: Kind, padding: str) -> None:
    case = Case(kind, height=3, width=17, kernel_size=7, heads=1, depth=8, value_depth=8, padding=padding)
    assert_right(interpreter, case)


@pytest.mark.parametrize(
    ("kind", "height", "width", "kernel_size"),
    [
        ("tile", 1, 20, 9),
        # the interpreter's time goes with the window's area
        pytest.param("direct", 1, 20, 9, marks=pytest.mark.night),
        *((kind, *size) for kind in KINDS for size in [(20, 1, 5), (1, 1, 3), (2, 2, 5)]),
    ],
)
def test_windows_larger_than_the_map(
    interpreter: Interpreter, kind: Kind, height: int, width: int, kernel_size: int
) -> None:
    assert_right(interpreter, Case(kind, height=height, width=width, kernel_size=kernel_size, heads=1))


@pytest.mark.parametrize("layout", ["channels_first", "inside_nan", "expanded"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_layout_of_maps_and_gradients(interpreter: Interpreter, kind: Kind, layout: str) -> None:
    assert_right(interpreter, Case(kind, batch=2, layout=layout))


@pytest.mark.parametrize("kind", KINDS)
def test_logits_near_the_end_of_float16(interpreter: Interpreter, kind: Kind) -> None:
    case = Case(kind, depth=8, dtype="float16", magnitude=60.0, scale=1.0, terms="content")
    found = interpreter.call(errors, case)
    assert every(error < TOLERANCE["float16"] for error in found[:2]), found
    # weights near a tie are steep in the logits, and values are large: gradients are finite
    assert every(error < 1.0 for error in found[2:]), found


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("direct", "float32"), ("tile", "float16"), pytest.param("direct", "float16", marks=pytest.mark.night)],
)
def test_errors_are_at_most_twice_those_of_the_plain_form(interpreter: Interpreter, kind: Kind, dtype: str) -> None:
    # logits far from 0, where the rounding of a log-sum-exp weighs
    case = Case(kind, height=6, width=6, kernel_size=5, depth=16, value_depth=16, scale=1.0, dtype=dtype)
    found = interpreter.call(errors_beside_the_plain_form, case)
    assert every(ours < 2 * plain for ours, plain in found), found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("terms", ["content", "both"])
def test_gradients_are_finite_where_logits_are_huge(interpreter: Interpreter, kind: Kind, terms: Terms) -> None:
    # logits of 1e10, whose last digit stands for a thousand; sums in other orders would overflow as powers
    forward, _, *backward = interpreter.call(errors, Case(kind, terms=terms, magnitude=1e5))
    assert forward < TOLERANCE["float32"]
    assert every(math.isfinite(error) for error in backward), backward


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_run_gives_the_same_bits(interpreter: Interpreter, kind: Kind) -> None:
    assert not interpreter.call(reruns_differ, Case(kind, width=9))


LAYOUTS: list[Layout] = ["channels_first", "inside_nan", "expanded"]
# small maps: a window that sees the whole map from everywhere has four times its pixels
SIZES = [(3, 4), (1, 5), (4, 2)]
ALL_PAIRS = [
    # by day each layout and each size once
    pytest.param(dtype, layout, *size, marks=[pytest.mark.night] * (i != j))
    for dtype in ("float32", "float16")
    for i, layout in enumerate(LAYOUTS)
    for j, size in enumerate(SIZES)
]


@pytest.mark.parametrize(("dtype", "layout", "height", "width"), ALL_PAIRS)
def test_attention_over_the_whole_map(
    interpreter: Interpreter, dtype: str, layout: Layout, height: int, width: int
) -> None:
    terms = "content" if layout == "expanded" else "both"
    case = Case("chosen", height=height, width=width, dtype=dtype, layout=layout, terms=terms, depth=5, value_depth=3)
    found = interpreter.call(errors_of_global_attention, case)
    assert every(error < TOLERANCE[dtype] for error in found), found


@pytest.mark.parametrize(
    ("dtype", "stride"),
    [
        *(("float32", 1), ("float16", 2)),
        *(pytest.param(*case, marks=pytest.mark.night) for case in (("float16", 1), ("float32", 2))),
    ],
)
def test_the_operator_runs_the_kernels(interpreter: Interpreter, dtype: str, stride: int) -> None:
    case = Case("chosen", kernel_size=5, dtype=dtype, stride=stride, per_head=True)
    assert interpreter.call(error_of_the_operator, case) < TOLERANCE[dtype]


@pytest.mark.parametrize(("kind", "axis"), [("direct", 0), ("tile", 0), ("chosen", 1)])
def test_maps_of_more_than_2_to_the_31_elements(
    interpreter: Interpreter, tmp_path: Path, kind: Kind, axis: int
) -> None:
    case = Case(kind, height=3, width=3, batch=3, depth=8, value_depth=8, heads=1, kernel_size=5, dtype="float16")
    assert interpreter.call(error_far_apart, case, tmp_path, axis=axis) < TOLERANCE["float16"]
