"""The one builder: where operators stand, stems, and the maps that it plans for."""

from math import ceil
from typing import Any

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import assert_learns
from torch import nn

from sasa_nas.blocks import BLOCKS
from sasa_nas.blocks.basic.layer import BasicBlock
from sasa_nas.blocks.bottleneck.layer import Bottleneck
from sasa_nas.blocks.plans import BlockPlan
from sasa_nas.models import build
from sasa_nas.models.plans import plan_network, stem_output_size
from sasa_nas.operators import OPERATORS
from sasa_nas.space import Architecture
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem

Tree = dict[str, Any]

STEMS: dict[str, Tree] = {
    "conv": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1},
    "attention": {"kind": "attention", "width": 8, "kernel_size": 2, "num_heads": 2},
    "plain": {"kind": "attention", "width": 8, "kernel_size": 3, "num_heads": 2, "values": "plain", "pool": False},
}


def small(operator: Tree, block: str, stem: Tree, *, height: int = 11, width: int = 7) -> Architecture:
    stages = [{"blocks": 2, "width": 16, "operator": operator}, {"blocks": 1, "width": 24, "stride": 2}]
    if operator["kind"] != "conv":
        stages[1]["operator"] = {**operator, **({"num_heads": 2} if "num_heads" in operator else {})}
    return Architecture.model_validate(
        {
            "block": block,
            "stem": stem,
            "stages": stages,
            "image": {"channels": 2, "height": height, "width": width},
            "num_classes": 5,
        }
    )


@pytest.mark.parametrize("stem", STEMS.values(), ids=STEMS.keys())
def test_every_stem_learns(stem: Tree) -> None:
    assert_learns(small({"kind": "augmented_conv", "num_heads": 2, "value_ratio": 0.5}, "basic", stem))


@pytest.mark.parametrize(
    "operator",
    [{"kind": entry.kind, **example} for entry in OPERATORS for example in entry.examples],
    ids=lambda operator: "-".join(map(str, operator.values())),
)
def test_operators_stand_where_the_description_says(operator: Tree) -> None:
    architecture = small(operator, "basic", STEMS["conv"])
    network = build(architecture)
    first = network.stages[0][0]  # type: ignore[index]
    assert isinstance(first, BasicBlock)
    options = {**operator}
    kind = options.pop("kind")
    for module in (first.first, first.second):
        assert isinstance(module, nn.Conv2d) == (kind == "conv")
        for name, value in options.items():
            found = getattr(module, name)
            assert found == ((value, value) if isinstance(module, nn.Conv2d) else value)


def test_the_network_knows_its_architecture() -> None:
    architecture = small({"kind": "conv"}, "bottleneck", STEMS["attention"])
    network = build(architecture)
    assert network.architecture is architecture
    assert network.num_features == 4 * 24
    assert [len(stage) for stage in network.stages] == [2, 1]  # type: ignore[arg-type]
    assert isinstance(network.stages[0][0], Bottleneck)  # type: ignore[index]


def test_weights_follow_torchs_random_state() -> None:
    architecture = small({"kind": "conv"}, "bottleneck", STEMS["conv"])
    networks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        networks.append(build(architecture).state_dict())
    assert every(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])
    assert not torch.equal(networks[0]["classifier.weight"], networks[2]["classifier.weight"])


@pytest.mark.parametrize("block", BLOCKS)
@settings(deadline=None, max_examples=5)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    strides=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    stem=st.sampled_from(
        [
            ConvStem(width=8),
            ConvStem(width=8, stride=3, pool=False),
            ConvStem(width=8, kernel_size=3, stride=1),
            ConvStem(width=8, kernel_size=1, stride=4),
            AttentionStem(width=8, kernel_size=4),
            AttentionStem(width=8, kernel_size=3, pool=False),
        ]
    ),
)
def test_planned_maps_are_the_real_ones(
    block: str, height: int, width: int, strides: list[int], stem: ConvStem | AttentionStem
) -> None:
    architecture = Architecture.model_validate(
        {
            "block": block,
            "stem": stem,
            "stages": [{"blocks": 2, "width": 8, "stride": stride} for stride in strides],
            "head_width": 12,
            "image": {"height": height, "width": width},
        }
    )
    real: list[tuple[int, ...]] = []
    with torch.device("meta"):
        network = build(architecture).eval()
        for stage in (*network.stages, network.head or []):
            for part in stage:  # type: ignore[union-attr]
                part.register_forward_hook(lambda _, i, o: real.extend([tuple(i[0].shape), tuple(o.shape)]))
        network(torch.zeros(1, 3, height, width))
    plan = plan_network(architecture)
    plans = [part for stage in (*plan.stages, plan.head) for part in stage]
    planned = [
        (1, channels, *size)
        for plan in plans
        for channels, size in ((plan.in_channels, plan.size), (plan.out_channels, plan.out_size))
    ]
    assert planned == real
    assert plans[0].size == stem_output_size(stem, (height, width))
    assert plans[0].out_size == tuple(ceil(side / strides[0]) for side in plans[0].size)
    assert plan.last is plans[-1]
    assert sum(isinstance(part, BlockPlan) for part in plans) == 2 * len(strides)


def test_whole_map_tables_have_the_planned_size() -> None:
    operator = {"kind": "global_attention", "num_heads": 2}
    network = build(small(operator, "basic", STEMS["conv"], height=13, width=22))
    # the stem's pool makes 7 x 11 of 13 x 22; the second stage halves that in its first operator
    tables = {name: tuple(p.shape) for name, p in network.named_parameters() if "rel_" in name}
    assert tables["stages.0.0.first.attention.rel_rows"] == (13, 8)
    assert tables["stages.0.0.first.attention.rel_cols"] == (21, 8)
    assert tables["stages.1.0.first.attention.rel_rows"] == (13, 12)
    assert tables["stages.1.0.second.attention.rel_rows"] == (7, 12)
    assert tables["stages.1.0.second.attention.rel_cols"] == (11, 12)


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_end_with_an_activation_where_they_say_so(block: str) -> None:
    torch.manual_seed(0)
    architecture = small({"kind": "conv"}, block, STEMS["conv"])
    network = build(architecture)
    maps = network.stem(torch.randn(2, 2, 11, 7))
    for plans, stage in zip(plan_network(architecture).stages, network.stages, strict=True):
        for plan, part in zip(plans, stage, strict=True):
            maps = part(maps)
            assert not isinstance(plan, BlockPlan) or bool((maps >= 0.0).all()) is BLOCKS[block].activated
