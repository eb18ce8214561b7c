"""Short names keep apart what differs, and say the number they stand for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.analysis.labels import (
    attention_stages,
    compact_bytes,
    compact_count,
    compact_seconds,
    operator_label,
    operator_letter,
    shortened,
    stage_labels,
    stage_letters,
)
from sasa_nas.operators import OPERATORS
from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.global_attention import GlobalAttention
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.space import Architecture, Stage


def test_every_operator_has_its_own_label_and_letter() -> None:
    operators = [entry.description() for entry in OPERATORS]
    assert len({operator_label(operator) for operator in operators}) == len(OPERATORS)
    assert len({operator_letter(operator.kind) for operator in operators}) == len(OPERATORS)
    assert operator_letter("unheard_of") == "?"


def test_stages_read_in_order() -> None:
    operators = (Conv(), LocalAttention(kernel_size=5), Pairwise(kernel_size=3), GlobalAttention())
    architecture = Architecture(stages=tuple(Stage(operator=operator) for operator in operators))
    assert stage_labels(architecture) == ["conv3", "local5", "pair3", "global"]
    assert stage_letters(architecture) == "CLPG"
    assert attention_stages(architecture) == 3


@pytest.mark.parametrize(("ratio", "stages"), [(0.0, 0), (0.1, 1)])
def test_an_augmented_convolution_without_attention_is_none(ratio: float, stages: int) -> None:
    stage = Stage(operator=AugmentedConv(value_ratio=ratio))
    assert attention_stages(Architecture(stages=(stage,))) == stages


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1K"),
        (1234, "1.23K"),
        (9_996, "10K"),
        (99_960, "100K"),
        (999_400, "999K"),
        (999_600, "1M"),
        (10_000_000, "10M"),
        (8_178_368_512, "8.18G"),
        (1.5e12, "1.5T"),
    ],
)
def test_compact_counts(number: float, text: str) -> None:
    assert compact_count(number) == text


@settings(deadline=None)
@given(st.integers(1, 10**14))
def test_compact_counts_are_right_to_three_digits(number: int) -> None:
    text = compact_count(number)
    scale = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(text[-1], 1.0)
    assert float(text.rstrip("KMGT")) * scale == pytest.approx(number, rel=0.0051)


@pytest.mark.parametrize("length", [39, 40, 41, 200])
def test_long_names_lose_their_middle(length: int) -> None:
    name = "".join(chr(ord("a") + i % 26) for i in range(length))
    short = shortened(name)
    if length <= 40:
        assert short == name
    else:
        assert len(short) <= 40
        before, after = short.split("...")
        assert name.startswith(before)
        assert name.endswith(after)
        assert min(len(before), len(after)) > 15


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (3_420_000, "3.42 MB"), (2**34, "17.2 GB")]
)
def test_compact_bytes(number: int, text: str) -> None:
    assert compact_bytes(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.0, "2 s"), (0.99999, "1 s"), (0.00125, "1.25 ms"), (0.0000834, "83.4 µs"), (0.09996, "100 ms")],
)
def test_compact_seconds(seconds: float, text: str) -> None:
    assert compact_seconds(seconds) == text
