"""Which layers of a network attend, and where a pixel of the image lies on their maps."""

from typing import Any

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sasa_nas.analysis.attention_maps import AttentionMap, Selection, attending_places, attention_maps
from sasa_nas.analysis.attention_weights import attention_weights
from sasa_nas.errors import UserError
from sasa_nas.models import Network, build, model_architecture
from sasa_nas.space import Architecture

LOCAL = {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}
AUGMENTED = {"kind": "augmented_conv", "num_heads": 2, "value_ratio": 0.5, "min_key_dim": 2, "downsample": True}
GLOBAL = {"kind": "global_attention", "num_heads": 2}
PAIRWISE = {"kind": "pairwise", "kernel_size": 3, "share_channels": 4}
CONV = {"kind": "conv"}
NO_STEM_ATTENTION = {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False}
STEM_ATTENTION = {"kind": "attention", "width": 8, "kernel_size": 2, "num_heads": 2, "pool": False}


def network(
    *operators: dict[str, Any],
    stem: dict[str, Any] = NO_STEM_ATTENTION,
    blocks: int = 1,
    width: int = 8,
    **described: Any,
) -> Network:
    stages = [
        {"blocks": blocks, "width": width, "stride": 2 if number else 1, "operator": operator}
        for number, operator in enumerate(operators)
    ]
    image = {"channels": 3, "height": 8, "width": 12}
    torch.manual_seed(0)
    return build(
        Architecture.model_validate({"stem": stem, "stages": stages, "image": image, "num_classes": 4, **described})
    )


def image(*size: int) -> Tensor:
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))


def look(asked: Network, *pixels: tuple[int, int], **selection: Any) -> list[AttentionMap]:
    return attention_maps(asked, image(8, 12), Selection(pixels=pixels, **selection))


def test_layers_are_found_in_order_with_their_operators() -> None:
    found = attending_places(network(CONV, LOCAL, AUGMENTED, GLOBAL, stem=STEM_ATTENTION))
    assert [(place.stage, place.operator) for place in found] == [
        ("stem", "attention stem"),
        (1, "local_attention"),
        (2, "augmented_conv"),
        (3, "global_attention"),
    ]
    assert [place.label for place in found[:2]] == ["stem", "stage 1, block 0"]


@pytest.mark.parametrize("block", ["basic", "preactivation"])
def test_a_block_may_have_two_layers(block: str) -> None:
    found = attending_places(network(LOCAL, block=block, blocks=2))
    assert [(place.block, place.index) for place in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found[-1].label == "stage 0, block 1, layer 1"


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("san10_pairwise", 10),
        ("sasa_full_resnet26", 9),
        ("aa_resnet34", 13),
        ("aa_wrn_28_10", 12),
        ("aa_mnasnet_100", 13),
        ("se_resnet50", 0),
    ],
)
def test_layers_of_named_networks(name: str, count: int) -> None:
    with torch.device("meta"):
        found = attending_places(build(model_architecture(name)))
    assert len(found) == count
    for stage in {place.stage for place in found}:
        blocks = [place.block for place in found if place.stage == stage]
        assert blocks == list(range(len(blocks)))


def test_every_stage_shows_its_last_layer_and_the_centre() -> None:
    maps = look(network(LOCAL, CONV, PAIRWISE, block="basic", blocks=2))
    assert [(found.place.stage, found.place.block, found.place.index) for found in maps] == [(0, 1, 1), (2, 1, 1)]
    assert [(found.size, found.pixel, found.cell) for found in maps] == [
        ((8, 12), (4, 6), (4, 6)),
        ((2, 3), (4, 6), (1, 1)),
    ]


def test_rows_go_layer_by_layer_and_pixel_by_pixel() -> None:
    maps = look(network(LOCAL, GLOBAL), (0, 0), (7, 11))
    assert [(found.place.stage, found.pixel) for found in maps] == [
        (0, (0, 0)),
        (0, (7, 11)),
        (1, (0, 0)),
        (1, (7, 11)),
    ]
    # the map is the one before the stride, whose pool follows
    assert [found.cell for found in maps] == [(0, 0), (7, 11), (0, 0), (7, 11)]
    assert (maps[1].rows, maps[1].columns) == (slice(6, 8), slice(10, 12))


def test_a_layer_is_asked_about_what_it_is_given() -> None:
    asked = network(LOCAL, LOCAL, stem=STEM_ATTENTION, blocks=2).train()
    for module in asked.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.fill_(0.3)
    buffers = {name: buffer.clone() for name, buffer in asked.named_buffers()}
    (found,) = look(asked, (2, 5), stage=1, block=0)
    assert asked.training
    assert every(torch.equal(buffer, buffers[name]) for name, buffer in asked.named_buffers())
    asked.eval()
    before = asked.stages[0](asked.stem(image(8, 12)))
    block = asked.stages[1][0]
    seen = block.activation(block.reduce_norm(block.reduce(before)))
    expected = attention_weights(block.operator, seen, [(2, 5)])[0, 0]
    torch.testing.assert_close(found.weights, expected)
    torch.testing.assert_close(found.mean, expected.mean(0))


@settings(max_examples=25, deadline=None)
@given(size=st.tuples(st.integers(4, 9), st.integers(4, 9)), place=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)))
def test_the_cell_covers_the_pixel(size: tuple[int, int], place: tuple[float, float]) -> None:
    described = {"channels": 3, "height": size[0], "width": size[1]}
    pixel = (int(place[0] * size[0]), int(place[1] * size[1]))
    asked = network(AUGMENTED, image=described)
    (found,) = attention_maps(asked, image(*size), Selection(pixels=(pixel,)))
    assert found.size == (-(-size[0] // 2), -(-size[1] // 2))
    for at, cell, side, cells in zip(pixel, found.cell, size, found.size, strict=True):
        assert cell * side / cells <= at < (cell + 1) * side / cells


def test_chosen_heads_and_the_mean_of_all() -> None:
    asked = network({**LOCAL, "num_heads": 4})
    (every,) = look(asked)
    (some,) = look(asked, heads=(3, 1))
    assert (every.heads, some.heads) == ((0, 1, 2, 3), (3, 1))
    torch.testing.assert_close(some.weights, every.weights[[3, 1]])
    torch.testing.assert_close(some.mean, every.weights.mean(0))


def test_of_many_heads_the_first_eight_are_shown_and_all_averaged() -> None:
    asked = network({**LOCAL, "num_heads": 16}, width=32)
    (few,) = look(asked)
    (all_of_them,) = look(asked, heads=tuple(range(16)))
    assert few.heads == tuple(range(8))
    torch.testing.assert_close(few.mean, all_of_them.weights.mean(0))


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"stage": 0}, "stage 0 has no attention; there is attention in: stem, 1"),
        ({"stage": 7}, "stage 7 has no attention; there is attention in: stem, 1"),
        ({"stage": 1, "block": 2}, "--block 2 is not in stage 1, where the last is 1"),
        ({"layer": 1}, "--layer 1 is not in stem, where the last is 0"),
        ({"stage": 1, "heads": (0, 2)}, "stage 1, block 1 has no head 2; there are heads 0 to 1"),
        ({"heads": (0,) * 17}, "17 heads are more than a figure holds"),
        ({"pixels": ((0, 0), (8, 0))}, "pixel 8,0 lies outside the image of 8 x 12 .* columns 0 to 11"),
        ({"pixels": ((-1, 0),)}, "pixel -1,0 lies outside"),
        ({"pixels": ((0, 0),) * 17}, "34 rows, more than 32; give one --stage or fewer pixels"),
    ],
)
def test_what_is_not_there_is_named(selection: dict[str, Any], message: str) -> None:
    asked = network(CONV, LOCAL, stem=STEM_ATTENTION, blocks=2)
    with pytest.raises(UserError, match=message) as caught:
        attention_maps(asked, image(8, 12), Selection(**selection))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("operator", [CONV, {**AUGMENTED, "value_ratio": 0.0}])
def test_a_network_of_convolutions_is_refused(operator: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no attention, only convolutions"):
        look(network(operator))
    with pytest.raises(UserError, match="the stem has no attention; there is attention in: 0"):
        look(network(LOCAL), stage="stem")
