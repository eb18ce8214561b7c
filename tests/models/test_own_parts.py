"""A stem, channel attention and a block of one's own need nothing but their registration."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import own_parts
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from sasa_nas.analysis.catalogue import operators
from sasa_nas.blocks import BLOCKS, Block, register_block
from sasa_nas.blocks.building import first_operator
from sasa_nas.blocks.plans import BlockPlan
from sasa_nas.channel_attention import CHANNEL_ATTENTIONS, ChannelAttention, register_channel_attention
from sasa_nas.cost import count_network
from sasa_nas.documents import DescriptionError
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.verification import verify_here
from sasa_nas.models import build
from sasa_nas.nodes import OddInt, Positive
from sasa_nas.space import Architecture, SearchSpace, sample
from sasa_nas.space.choosers import LatinHypercubeChooser
from sasa_nas.space.files import validate_space
from sasa_nas.stems import STEMS, Stem, register_stem

IMAGE = {"channels": 1, "height": 8, "width": 8}


class Patched(Stem):
    """One convolution over blocks that do not overlap."""

    kind: Literal["patches"] = "patches"
    side: Positive = 2

    @property
    def reduction(self) -> int:
        return self.side


class Gated(ChannelAttention):
    """A learned weight a channel."""

    kind: Literal["gate"] = "gate"
    kernel_size: OddInt = 3


def build_plain(plan: BlockPlan) -> nn.Module:
    return first_operator(plan, plan.in_channels)


class Plain(Block):
    """The operator alone, without a shortcut."""

    name = "plain"
    builder = build_plain


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register_stem(short="pat", layer=own_parts.Patches)(Patched)
    register_channel_attention(layer=own_parts.Gate)(Gated)
    register_block(Plain)
    yield
    STEMS.remove("patches")
    CHANNEL_ATTENTIONS.remove("gate")
    del BLOCKS["plain"]


def design(**fields: object) -> Architecture:
    tree = {"stem": {"kind": "patches", "width": 4, "side": 2}, "stages": [{"blocks": 1, "width": 4}], "image": IMAGE}
    return Architecture.model_validate({"block": "plain", "num_classes": 3, **tree, **fields})


def test_they_are_built_and_counted() -> None:
    network = build(design())
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 3)
    assert isinstance(network.stem, own_parts.Patches)
    counts = count_network(design())
    assert counts.total.params == sum(p.numel() for p in network.parameters())
    assert counts.parts["stem"].macs.conv_linear == 4 * 8 * 8
    assert counts.parts["stages[0]"].macs.conv_linear == 4 * 4 * 9 * 4 * 4


def test_channel_attention_stands_in_blocks() -> None:
    stage = {"blocks": 2, "width": 4, "channel_attention": {"kind": "gate", "kernel_size": 5}}
    network = build(design(block="basic", stages=[stage]))
    assert sum(isinstance(module, own_parts.Gate) for module in network.modules()) == 2


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="stem kind 'patches' is registered already"):
        register_stem(short="pat", layer=own_parts.Patches)(Patched)
    with pytest.raises(ValueError, match="kind 'gate' is registered already"):
        register_channel_attention(layer=own_parts.Gate)(Gated)
    with pytest.raises(ValueError, match="block 'plain' is registered already"):
        register_block(Plain)


def test_they_can_be_searched_and_their_mistakes_are_named() -> None:
    def space(side: object, block: object) -> SearchSpace:
        stem = {"kind": "patches", "side": side}
        return validate_space({"name": "mine", "block": block, "stem": stem, "stages": [{}]}, "mine.yaml")

    chooser = LatinHypercubeChooser(random.Random(0))
    drawn = [sample(space({"choice": [1, 2]}, {"choice": ["basic", "plain"]}), chooser) for _ in range(4)]
    assert {one.block for one in drawn} == {"basic", "plain"}
    assert {one.stem.reduction for one in drawn} == {1, 2}
    with pytest.raises(DescriptionError, match=r"stem\.side.*greater than or equal to 1"):
        space(0, "plain")
    with pytest.raises(DescriptionError, match=r"'plan'.*'plain'"):
        space(2, "plan")
    with pytest.raises(ValidationError, match="no meaning in plain blocks"):
        design(stages=[{"width": 4, "expansion": 2}])


def test_they_are_listed_and_in_the_json_schema() -> None:
    assert {("stem", "patches"), ("channel_attention", "gate")} <= {(entry.role, entry.kind) for entry in operators()}
    schema = str(Architecture.model_json_schema())
    assert all(word in schema for word in ("patches", "'gate'", "'plain'"))


@pytest.mark.slow
def test_stem_and_channel_attention_are_written_into_exports(tmp_path: Path) -> None:
    architecture = design(block="basic", stages=[{"blocks": 1, "width": 4, "channel_attention": {"kind": "gate"}}])
    export_network(architecture, build(architecture).state_dict(), tmp_path / "net", ModelCard("net"))
    # in this process, which alone knows them
    assert verify_here(tmp_path / "net").ok
