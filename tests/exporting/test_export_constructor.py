import inspect

import pytest
import torch
from assertions import every
from export_cases import CASES, architecture, mixed_architecture
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sasa_nas import layers
from sasa_nas.blocks.basic.layer import BasicBlock
from sasa_nas.blocks.bottleneck.layer import Bottleneck
from sasa_nas.blocks.inverted.layer import InvertedResidual
from sasa_nas.blocks.preactivation.layer import PreactivationBlock
from sasa_nas.blocks.san.layer import SanBlock, SanTransition
from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.exporting.constructor import LINE_LENGTH, describe, layout
from sasa_nas.layers.norm_activation import ConvNormActivation, NormActivation
from sasa_nas.layers.resnet import ResNet
from sasa_nas.layers.shortcut import PaddedShortcut, Shortcut
from sasa_nas.models import build
from sasa_nas.nodes import resolve
from sasa_nas.operators import OPERATORS
from sasa_nas.operators.augmented_conv.layer import AugmentedConv2d
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.stems import STEMS
from sasa_nas.stems.conv.layer import ConvStem

NAMES = {"nn": nn, "ResNet": ResNet}
NAMES |= {name: getattr(layers, name) for name in layers.__all__}
BLOCK_LAYERS: list[type[nn.Module]] = [
    *(BasicBlock, Bottleneck, ConvNormActivation, InvertedResidual, NormActivation, PaddedShortcut),
    *(PreactivationBlock, SanBlock, SanTransition, Shortcut),
]
NAMES |= {layer.__name__: layer for layer in BLOCK_LAYERS}
NAMES |= {
    layer.__name__: layer for layer in (resolve(entry.layer) for entry in (*OPERATORS, *STEMS, *CHANNEL_ATTENTIONS))
}


def rebuilt(module):
    return eval(layout(describe(module, set()), indent=0), dict(NAMES))


def shapes(module):
    return {name: (tensor.shape, tensor.dtype) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(("operator", "stem", "block"), CASES)
def test_the_written_calls_build_the_same_network(operator, stem, block):
    with torch.device("meta"):
        network = build(architecture(operator, stem, block))
        again = rebuilt(network)
    assert type(again) is ResNet
    assert shapes(again) == shapes(network)
    assert str(again) == str(network).replace("Network(", "ResNet(", 1)
    for one, two in zip(network.modules(), again.modules(), strict=True):
        if type(one).__module__.startswith("sasa_nas.") and not isinstance(one, ResNet):
            for name in inspect.signature(type(one)).parameters:
                if not isinstance(getattr(one, name), nn.Module):
                    assert getattr(two, name) == getattr(one, name)


def test_the_classes_named_are_reported():
    classes = set()
    describe(build(architecture("local")), classes)
    assert classes == {ResNet, Bottleneck, ConvStem, LocalAttention2d}


def test_variables_stand_for_arguments_and_for_those_of_parts():
    layer = LocalAttention2d(16, 32, kernel_size=3, num_heads=8, stride=2)
    call = layout(describe(layer, set(), {"in_channels": "width", "num_heads": "heads"}), indent=0)
    assert call == "LocalAttention2d(width, 32, kernel_size=3, num_heads=heads, stride=2)"
    with torch.device("meta"):
        text = layout(describe(build(architecture("local")), set(), {"stem.in_channels": "in_chans"}), indent=0)
    assert text.count("in_chans") == 2
    assert "ConvStem(in_chans, 8, " in text


def test_defaults_are_left_out():
    layer = LocalAttention2d(16, 32, kernel_size=3, num_heads=8, stride=2)
    assert layout(describe(layer, set()), indent=0) == "LocalAttention2d(16, 32, kernel_size=3, stride=2)"


@pytest.mark.parametrize("indent", [0, 4, 40])
def test_lines_are_short_and_blocks_have_lines_of_their_own(indent):
    with torch.device("meta"):
        text = layout(describe(build(mixed_architecture()), set()), indent=indent)
    first, *rest = text.splitlines()
    assert first == "ResNet("
    assert every(len(line) <= LINE_LENGTH for line in rest)
    assert rest[-1] == " " * indent + ")"
    assert sum(line.strip().startswith("Bottleneck(") for line in rest) == 6
    assert [line.strip() for line in rest[-6:-1]] == [
        "num_features=32,",
        "num_classes=5,",
        "in_chans=3,",
        "stage_channels=(32, 32, 32, 32, 32, 32),",
        "stage_reductions=(1, 1, 1, 1, 1, 1),",
    ]


@settings(deadline=None, max_examples=40)
@given(
    channels=st.tuples(st.sampled_from([2, 4]), st.sampled_from([2, 6])),
    kernel_size=st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    stride=st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 2), st.integers(1, 2))),
    padding=st.one_of(st.integers(0, 2), st.just("valid")),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
    padding_mode=st.sampled_from(["zeros", "reflect"]),
)
def test_any_convolution_is_written_down(channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode):
    with torch.device("meta"):
        conv = nn.Conv2d(
            *channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            padding_mode=padding_mode,
        )
        again = rebuilt(conv)
    assert str(again) == str(conv)
    assert shapes(again) == shapes(conv)


def test_an_unknown_module_is_refused():
    with pytest.raises(ValueError, match=r"no way to write down a module of class torch\.nn.*LSTM$"):
        describe(nn.Sequential(nn.LSTM(2, 2)), set())


def test_a_layer_that_forgets_its_argument_is_refused():
    layer = ConvStem(3, 8)
    del layer.stride
    with pytest.raises(ValueError, match="ConvStem does not keep its argument stride"):
        describe(layer, set())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], {"a": 1}, object()])
def test_an_argument_that_is_no_literal_is_refused(value):
    layer = AugmentedConv2d(8, 8, num_heads=2, feature_size=(4, 4))
    layer.key_ratio = value
    with pytest.raises(ValueError, match="no way to write down the argument"):
        describe(layer, set())
