"""Changes to single fields of a design, and the complaints about those that cannot be."""

import pytest

from sasa_nas.documents import DescriptionError
from sasa_nas.models import model_architecture
from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space import Architecture, Stage, overridden

DESIGN = Architecture(stages=(Stage(operator=LocalAttention(num_heads=4, padding="zeros")), Stage(width=32)))


def test_no_change_is_the_design_itself() -> None:
    assert overridden(DESIGN, []) == DESIGN


def test_fields_change_in_the_order_given() -> None:
    changed = overridden(
        DESIGN,
        ["stages[0].operator.kernel_size=11", "block=basic", "image.height = 64", "stages[0].operator.kernel_size=5"],
    )
    assert changed.stages[0].operator == LocalAttention(num_heads=4, padding="zeros", kernel_size=5)
    assert (changed.block, changed.image.height, changed.image.width) == ("basic", 64, 224)
    assert changed.stages[1] == DESIGN.stages[1]
    assert DESIGN.stages[0].operator.kernel_size == 7  # type: ignore[union-attr]


def test_a_star_means_every_stage() -> None:
    changed = overridden(DESIGN, ["stages[*].width=16", "stages[*].operator={kind: augmented_conv, num_heads: 2}"])
    assert [stage.width for stage in changed.stages] == [16, 16]
    assert [stage.operator for stage in changed.stages] == [AugmentedConv(num_heads=2)] * 2


def test_another_kind_begins_with_its_own_defaults() -> None:
    assert overridden(DESIGN, ["stages[0].operator.kind=conv"]).stages[0].operator == Conv()
    assert overridden(DESIGN, ["stem.kind=attention"]).stem.kernel_size == 4


def test_fields_of_a_kind_are_assigned_after_it() -> None:
    kind = "stages[*].operator.kind=local_attention"
    changed = overridden(DESIGN, [kind, "stages[*].operator.num_heads=2", "stages[1].operator.kernel_size=5"])
    assert [stage.operator for stage in changed.stages] == [
        LocalAttention(num_heads=2),
        LocalAttention(num_heads=2, kernel_size=5),
    ]
    channels = ["stages[0].channel_attention={kind: cbam}", "stages[0].channel_attention.kind=se"]
    changed = overridden(DESIGN, [*channels, "stages[0].channel_attention.reduction=4"])
    assert changed.stages[0].channel_attention.reduction == 4  # type: ignore[union-attr]
    with pytest.raises(DescriptionError, match="there is no field 'kernel_siz'; did you mean 'kernel_size'"):
        overridden(DESIGN, [kind, "stages[0].operator.kernel_siz=5"])


def test_values_are_written_as_in_a_file() -> None:
    changed = overridden(DESIGN, ["stages[1].channel_attention={kind: se, reduction: 4}", "head_width=64"])
    assert changed.stages[1].channel_attention.reduction == 4  # type: ignore[union-attr]
    assert overridden(changed, ["stages[1].channel_attention=null", "head_width=null"]) == DESIGN


def test_whole_models_change() -> None:
    wide = overridden(model_architecture("sasa_resnet50"), ["stages[*].operator.kernel_size=11"])
    assert {stage.operator.kernel_size for stage in wide.stages} == {11}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("stages[0].width", "assigns nothing"),
        ("=3", "assigns nothing"),
        ("stages[0]..width=3", "is no path"),
        ("stages[-1].width=3", "is no path"),
        ("stages[2].width=3", r"there is no \[2\]; the last is \[1\]"),
        ("stages[0].widht=3", "there is no field 'widht'; did you mean 'width'"),
        ("stages[0].operator.positions.rows=3", r"\.rows leads nowhere"),
        ("stages.width=3", r"\.width leads nowhere"),
        ("block[0]=basic", r"\[0\] leads nowhere"),
        ("stages[0].width={", "the value cannot be read"),
        ("stages[0].operator.kernel_size=10", r"stages\[0\].operator.kernel_size = 10: must be odd"),
        ("stages[0].operator.num_heads=5", r"stages\[0\].operator.num_heads: num_heads=5 does not divide width=64"),
        ("stages[0].operator.kind=attention", "unknown kind 'attention'"),
        ("stages=[]", "stages"),
    ],
)
def test_a_wrong_change_is_one_line(assignment: str, words: str) -> None:
    with pytest.raises(DescriptionError, match=words) as caught:
        overridden(DESIGN, [assignment])
    assert "\n" not in str(caught.value)
