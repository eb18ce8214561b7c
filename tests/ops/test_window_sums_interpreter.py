"""The Triton kernels of SAN's operators, in Triton's interpreter, against the plain forms in float64."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from assertions import every
from interpreted_window_sums import SumsCase, error_of_sums_far_apart, errors_of_sums, reruns_of_sums_differ
from interpreter_process import Interpreter

TOLERANCE = {"float32": 1e-6, "float16": 1e-3}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    interpreter = Interpreter()
    yield interpreter
    interpreter.close()


@pytest.mark.parametrize(
    "case",
    [
        SumsCase(),
        SumsCase(dtype="float16", layout="channels_last"),
        SumsCase(layout="inside_nan"),
        pytest.param(SumsCase(batch=2, dtype="float16", layout="expanded"), marks=pytest.mark.night),
        # windows larger than the map, maps of one row and of one column
        SumsCase(height=2, width=3, kernel_size=5, layout="channels_last", weight_channels=3, groups=1),
        SumsCase(height=1, width=9, dtype="float16", weight_channels=1),
        SumsCase(height=9, width=1, layout="channels_last"),
        # more pixels, groups and channels than a program has
        pytest.param(SumsCase(height=12, width=13, weight_channels=1, groups=9), marks=pytest.mark.night),
        SumsCase(weight_channels=33, groups=1, layout="channels_last"),
        SumsCase(batch=0),
    ],
    ids=str,
)
def test_agrees_with_the_plain_forms_in_float64(interpreter: Interpreter, case: SumsCase) -> None:
    found = interpreter.call(errors_of_sums, case)
    # NaN is not below anything
    assert every(error < TOLERANCE[case.dtype] for error in found.values()), found


def test_a_second_run_gives_the_same_bits(interpreter: Interpreter) -> None:
    assert not interpreter.call(reruns_of_sums_differ, SumsCase(layout="channels_last"))


def test_weights_of_more_than_2_to_the_31_elements(interpreter: Interpreter, tmp_path: Path) -> None:
    case = SumsCase(dtype="float16", batch=3, weight_channels=1)
    assert interpreter.call(error_of_sums_far_apart, case, tmp_path) < TOLERANCE["float16"]
