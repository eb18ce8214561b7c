"""Networks of other widths: in steps that heads and groups of channels allow."""

import pytest
from pydantic import ValidationError

from sasa_nas.models import list_models, model_architecture
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.space import Architecture, Stage
from sasa_nas.space.widths import multiplied_widths, widened, width_steps, widths_of, with_widths
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem

MIXED = Architecture(
    stem=ConvStem(width=12),
    stages=(
        Stage(width=16, operator=Conv()),
        Stage(width=16, operator=LocalAttention(kernel_size=3, num_heads=2)),
        Stage(width=24, operator=LocalAttention(kernel_size=3, num_heads=2, positions="none")),
        Stage(width=24, operator=Pairwise(share_channels=8)),
    ),
    head_width=40,
)


def test_steps_are_what_the_parts_divide() -> None:
    # relative positions take an even number of channels a head
    assert width_steps(MIXED) == (1, 1, 4, 2, 8, 1)
    assert width_steps(MIXED.model_copy(update={"stem": AttentionStem(width=12, num_heads=4)}))[0] in (4, 8, 12)


def test_of_inverted_blocks_the_hidden_channels_must_be_divided() -> None:
    local = LocalAttention(kernel_size=3, num_heads=4, positions="none")
    stages = (Stage(width=8), Stage(width=16, expansion=6, operator=local, blocks=2), Stage(width=16))
    # six times the channels before the stage, and within it
    assert width_steps(Architecture(block="inverted", stem=ConvStem(width=8), stages=stages)) == (1, 2, 2, 1)


@pytest.mark.parametrize("multiplier", [0.3, 0.5, 0.71, 1.0, 1.41, 2.0])
def test_each_width_is_the_nearest_that_its_part_allows(multiplier: float) -> None:
    found = widened(MIXED, multiplier)
    steps = width_steps(MIXED)
    for old, new, step in zip(widths_of(MIXED), widths_of(found), steps, strict=True):
        assert new % step == 0
        assert abs(new - multiplier * old) <= max(step / 2, step - multiplier * old)
    assert with_widths(found, widths_of(MIXED)) == MIXED, "all else stays"


def test_a_multiplier_of_one_changes_nothing() -> None:
    for name in list_models():
        network = model_architecture(name)
        if isinstance(network, Architecture):
            assert widened(network, 1.0) == network


def test_the_least_width_is_one_step() -> None:
    assert multiplied_widths(MIXED, 0.01) == (1, 1, 4, 2, 8, 1)
    with pytest.raises(ValidationError):
        with_widths(MIXED, (1, 1, 1, 2, 8, 1))
