"""The Triton kernels of SAN's attention, in Triton's interpreter, against the plain forms in float64."""

from collections.abc import Iterator

import pytest
from assertions import every
from interpreted_san_attention import SanCase, errors_of_san_attention, reruns_of_san_attention_differ
from interpreter_process import Interpreter

TOLERANCE = {"float32": 2e-6, "float16": 5e-3}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    interpreter = Interpreter()
    yield interpreter
    interpreter.close()


NIGHT = [
    SanCase("subtraction", dtype="float16", batch=2),
    SanCase("dot", keys=9, hidden=9),
    SanCase("concatenation", patchwise=True, dtype="float16", batch=2),
    SanCase("concatenation", patchwise=True, keys=9, weights=3, groups=3, layout="inside_nan"),
    # wide enough for matrix products, values that share a weight by threes
    SanCase("sum", keys=9, hidden=10, weights=3, groups=3, layout="inside_nan"),
    # windows larger than the map, and more pixels than a program has, which one of the two forms meets by day
    SanCase("subtraction", height=2, width=3, kernel_size=5, training=False),
    SanCase("star", patchwise=True, keys=9, hidden=9, height=9, width=9, layout="channels_last"),
]
"""Cases that differ from those by day in numbers alone, and in precision, which the kernels of windows are tried in."""


@pytest.mark.parametrize(
    "case",
    [
        SanCase("subtraction", layout="channels_last"),
        SanCase("hadamard", layers=1, batch=2, layout="expanded"),
        SanCase("concatenation", positions=0, training=False, layout="channels_last"),
        # more pixels than a program has
        SanCase("subtraction", height=9, width=9, keys=1, hidden=1, weights=1, groups=1),
        SanCase("concatenation", patchwise=True, layout="channels_last"),
        # windows larger than the map
        SanCase("concatenation", patchwise=True, height=2, width=3, kernel_size=5, training=False),
        *(pytest.param(case, marks=pytest.mark.night) for case in NIGHT),
    ],
    ids=str,
)
def test_agrees_with_the_plain_forms_in_float64(interpreter: Interpreter, case: SanCase) -> None:
    found = interpreter.call(errors_of_san_attention, case)
    # NaN is not below anything
    assert every(error < TOLERANCE[case.dtype] for error in found.values()), found


@pytest.mark.parametrize("patchwise", [pytest.param(False, marks=pytest.mark.night), True])
def test_a_second_run_gives_the_same_bits(interpreter: Interpreter, patchwise: bool) -> None:
    case = SanCase("concatenation", patchwise=patchwise, height=2, width=3, keys=2, hidden=2, weights=1, groups=2)
    assert not interpreter.call(reruns_of_san_attention_differ, case)
