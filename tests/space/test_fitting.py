"""What cannot be built is refused, with the field's path; what can is not."""

from typing import Any

import pytest
from pydantic import ValidationError

from sasa_nas.blocks import BLOCKS
from sasa_nas.documents import DescriptionError
from sasa_nas.operators import Misfit
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space import Architecture, SearchSpace, Stage
from sasa_nas.space.files import validate_space
from sasa_nas.space.fitting import check_stage

Tree = dict[str, Any]


def design(*stages: Tree, block: str = "inverted", **fields: Any) -> Architecture:
    return Architecture.model_validate({"block": block, "stages": stages, **fields})


def refusal(*stages: Tree, **fields: Any) -> tuple[str, str]:
    """The field and the message of the one complaint about a design."""
    with pytest.raises(ValidationError) as caught:
        design(*stages, **fields)
    (detail,) = caught.value.errors()
    return detail["ctx"]["field"], detail["msg"]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block != "inverted"])
@pytest.mark.parametrize("heads", [3, 5, 7, 48])
def test_heads_must_divide_the_stages_width(heads: int, block: str) -> None:
    operator = {"kind": "local_attention", "num_heads": heads}
    field, message = refusal({}, {"operator": operator}, block=block)
    assert field == "stages[1].operator.num_heads"
    assert f"num_heads={heads} does not divide width=64" in message


def test_an_odd_number_of_channels_a_head_is_for_content_alone() -> None:
    with pytest.raises(Misfit, match="even number"):
        check_stage(Stage(width=24, operator=LocalAttention(num_heads=8)), "basic")
    check_stage(Stage(width=24, operator=LocalAttention(num_heads=8, positions="none")), "basic")


@pytest.mark.parametrize(
    ("option", "blocks"),
    [
        ({"replaces": "first"}, {"basic", "preactivation"}),
        ({"expansion": 2}, {"bottleneck", "inverted", "san"}),
        ({"depthwise_size": 5}, {"inverted"}),
    ],
)
def test_options_belong_to_blocks(option: Tree, blocks: set[str]) -> None:
    for block in BLOCKS:
        if block in blocks:
            design(option, block=block)
        else:
            field, message = refusal(option, block=block)
            assert field == f"stages[0].{next(iter(option))}"
            assert f"no meaning in {block} blocks" in message


def test_an_inverted_blocks_operator_makes_the_hidden_channels() -> None:
    """Heads divide neither 10 (the output) nor need they: 16 * 3 and 10 * 3 are the hidden widths."""
    attention = {"kind": "local_attention", "num_heads": 6, "positions": "none"}
    stage = {"width": 10, "expansion": 3, "operator": attention, "blocks": 2}
    stem = {"kind": "conv", "width": 16}
    assert design(stage, stem=stem).stages[0].width == 10
    field, message = refusal({**stage, "width": 11}, stem=stem)
    assert (field, "width=33" in message) == ("stages[0].operator.num_heads", True)
    assert design({**stage, "width": 11, "blocks": 1}, stem=stem).stages[0].blocks == 1
    assert "width=45" in refusal(stage, stem={"kind": "conv", "width": 15})[1]


def test_without_an_expansion_there_is_no_operator() -> None:
    assert design({"expansion": 1, "operator": {"kind": "conv", "kernel_size": 1}}).stages[0].expansion == 1
    for operator in ({"kind": "conv", "kernel_size": 3}, {"kind": "augmented_conv"}):
        assert refusal({"expansion": 1, "operator": operator})[0] == "stages[0].operator"


def test_a_parameter_free_shortcut_cannot_lose_channels() -> None:
    free = {"block": "basic", "shortcut": "parameter_free", "stem": {"kind": "conv", "width": 16}}
    assert design({"width": 16}, {"width": 32}, **free).shortcut == "parameter_free"
    field, message = refusal({"width": 32}, {"width": 16}, **free)
    assert (field, "than the 32 before" in message) == ("stages[1].width", True)
    for block in ("inverted", "san"):
        assert refusal({}, **{**free, "block": block})[0] == "shortcut"


def test_output_channels_by_block() -> None:
    stage = Stage(width=24, operator=Conv())
    assert {name: block.out_channels(stage) // 24 for name, block in BLOCKS.items()} == {
        "bottleneck": 4,
        "basic": 1,
        "inverted": 1,
        "preactivation": 1,
        "san": 4,
    }
    assert [BLOCKS[name].out_channels(Stage(width=24, expansion=2)) for name in ("bottleneck", "san")] == [48, 48]


def space(**fields: Any) -> SearchSpace:
    return validate_space({"name": "mine", **fields}, "mine.yaml")


def test_a_space_refuses_an_option_that_its_blocks_never_have() -> None:
    stage = {"expansion": {"choice": [4, 2]}}
    assert space(stages=[stage])
    with pytest.raises(
        DescriptionError, match=r"^mine.yaml: stages\[0\].expansion.choice\[1\]: expansion=2 has no meaning"
    ):
        space(block="basic", stages=[stage])


def test_a_space_leaves_to_the_draw_what_depends_on_other_choices() -> None:
    stage = {"width": 10, "operator": {"kind": "local_attention", "num_heads": 8, "positions": "none"}}
    assert space(block="inverted", stages=[stage])
    assert space(block={"choice": ["basic", "inverted"]}, stages=[stage])
    with pytest.raises(DescriptionError, match="num_heads=8 does not divide width=10"):
        space(block="basic", stages=[stage])


def test_channel_attention_can_be_searched_over() -> None:
    options = [None, {"kind": "se", "reduction": {"choice": [8, 16]}}, {"kind": "bam"}]
    searched = space(stages=[{"channel_attention": {"choice": options}}])
    assert searched.stages[0].channel_attention.choice[0] is None
    with pytest.raises(DescriptionError, match=r"unknown kind 'sse'; did you mean 'se'\?"):
        space(stages=[{"channel_attention": {"kind": "sse"}}])
