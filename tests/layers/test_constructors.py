"""The rule of `sasa_nas.layers`: a layer keeps each argument of its constructor under the same name."""

import inspect
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from sasa_nas import layers
from sasa_nas.blocks.basic.layer import BasicBlock
from sasa_nas.blocks.bottleneck.layer import Bottleneck
from sasa_nas.blocks.inverted.layer import InvertedResidual
from sasa_nas.blocks.preactivation.layer import PreactivationBlock
from sasa_nas.blocks.san.layer import SanBlock, SanTransition
from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.channel_attention.squeeze_excitation.layer import SqueezeExcitation
from sasa_nas.layers.norm_activation import ConvNormActivation, NormActivation
from sasa_nas.layers.resnet import ResNet
from sasa_nas.layers.shortcut import PaddedShortcut, Shortcut
from sasa_nas.nodes import resolve
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.stems import STEMS

LAYERS: dict[str, list[dict[str, Any]]] = {
    "MapAttention2d": [
        {"num_heads": 4, "relative": True, "bias": False, "feature_size": (4, 5)},
        {"num_heads": 2, "relative": False, "bias": True, "feature_size": (3, 4)},
    ],
}
"""Of every layer, what is given besides its widths."""
KINDS: dict[str, list[dict[str, Any]]] = {
    "conv": [{}, {"kernel_size": 3, "stride": 1, "pool": False, "activation": False}],
    "attention": [
        {"kernel_size": 3, "num_heads": 2, "mixtures": 2, "embedding_dim": 5, "pool": False},
        {"values": "plain"},
        {"values": "conv_values"},
    ],
    "se": [{}, {"reduction": 2}],
    "ge": [{}],
    "bam": [{}, {"reduction": 2, "dilation": 1}],
    "cbam": [{}, {"reduction": 2, "kernel_size": 3}],
    "gala": [{}, {"reduction": 2}],
}
"""Of the layer of every kind of stem and channel attention, what is given besides its widths."""


def conv(in_channels: int, out_channels: int, stride: int = 1) -> "partial[nn.Conv2d]":
    """A 3x3 convolution still to be made."""
    return partial(nn.Conv2d, in_channels, out_channels, 3, stride=stride, padding=1, bias=False)


ATTENTION = partial(SqueezeExcitation, 16, reduction=2)
TWO = {"width": 16, "first": conv(8, 16), "second": conv(16, 16)}
TWO_STRIDED = {
    **TWO,
    "first": conv(8, 16, 2),
    "stride": 2,
    "attention": ATTENTION,
    "parameter_free_shortcut": True,
}
BLOCKS: dict[str, list[dict[str, Any]]] = {
    "BasicBlock": [TWO, TWO_STRIDED],
    "Bottleneck": [
        {"width": 4, "operator": partial(LocalAttention2d, 4, 4, num_heads=2)},
        {
            "width": 8,
            "operator": conv(8, 8, 2),
            "stride": 2,
            "expansion": 2,
            "attention": ATTENTION,
            "parameter_free_shortcut": True,
        },
    ],
    "ConvNormActivation": [{}],
    "InvertedResidual": [
        {"expand": None, "hidden_channels": 8},
        {"expand": conv(8, 16), "hidden_channels": 16, "depthwise_size": 5, "stride": 2, "attention": ATTENTION},
    ],
    "NormActivation": [{}],
    "PaddedShortcut": [{}, {"stride": 2}],
    "PreactivationBlock": [TWO, TWO_STRIDED],
    "SanBlock": [
        {"width": 4, "operator": conv(8, 4)},
        {"width": 4, "operator": conv(8, 4), "attention": partial(SqueezeExcitation, 8)},
    ],
    "SanTransition": [{}, {"stride": 1}],
    "Shortcut": [{}, {"stride": 2, "norm": False}],
}
"""Of every block, what is given besides its widths; modules as what makes them."""

NETWORKS: list[dict[str, Any]] = [
    {
        **{"stem": conv(8, 8), "stages": [conv(8, 16)], "num_features": 16, "num_classes": 3},
        **{"in_chans": 8, "stage_channels": (16,), "stage_reductions": (1,)},
    },
    {
        **{"stem": conv(8, 8), "stages": [], "num_features": 16, "num_classes": 3, "head": conv(8, 16)},
        **{"in_chans": 8, "stage_channels": (), "stage_reductions": (), "global_pool": "max"},
    },
]
WIDTHS = {"in_channels": 8, "out_channels": 16, "channels": 8, "key_channels": 8, "value_channels": 16}
"""Of a layer's widths it is given those that it has."""

BLOCK_LAYERS: list[type[nn.Module]] = [
    *(BasicBlock, Bottleneck, ConvNormActivation, InvertedResidual, NormActivation, PaddedShortcut),
    *(PreactivationBlock, SanBlock, SanTransition, Shortcut),
]
CASES = [
    pytest.param(kind, arguments, id=f"{kind.__name__}-{i}")
    for kind, cases in [
        *((getattr(layers, name), cases) for name, cases in LAYERS.items()),
        *((kind, BLOCKS[kind.__name__]) for kind in BLOCK_LAYERS),
        (ResNet, NETWORKS),
    ]
    for i, arguments in enumerate(cases)
] + [
    pytest.param(resolve(entry.layer), arguments, id=f"{entry.kind}-{i}")
    for entry in (*STEMS, *CHANNEL_ATTENTIONS)
    for i, arguments in enumerate(KINDS[entry.kind])
]


def is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(is_plain(part) for part in value)
    return value is None or isinstance(value, int | float | bool | str)


def made(value: object) -> object:
    """The modules that an argument stands for."""
    if isinstance(value, list):
        return [made(part) for part in value]
    return value() if isinstance(value, partial) else value


def build(kind: type[nn.Module], arguments: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    widths = {name: width for name, width in WIDTHS.items() if name in inspect.signature(kind).parameters}
    given = widths | {name: made(value) for name, value in arguments.items()}
    return kind(**given), given


def kept(layer: nn.Module) -> dict[str, Any]:
    """The attributes that are called as the constructor's arguments."""
    values = {name: getattr(layer, name) for name in inspect.signature(type(layer)).parameters}
    return {name: list(value) if type(value) is nn.Sequential else value for name, value in values.items()}


def test_everything_exported_is_checked() -> None:
    assert set(layers.__all__) == set(LAYERS)


@pytest.mark.parametrize(("kind", "arguments"), CASES)
def test_arguments_are_attributes(kind: type[nn.Module], arguments: dict[str, Any]) -> None:
    layer, given = build(kind, arguments)
    defaults = {parameter.name: parameter.default for parameter in inspect.signature(kind).parameters.values()}
    assert kept(layer) == defaults | given


@pytest.mark.parametrize("entry", [*STEMS, *CHANNEL_ATTENTIONS], ids=lambda entry: entry.kind)
def test_arguments_of_layers_are_plain_values(entry: Any) -> None:
    for arguments in KINDS[entry.kind]:
        found = kept(build(resolve(entry.layer), arguments)[0])
        assert {name: value for name, value in found.items() if not is_plain(value)} == {}


@pytest.mark.parametrize(("kind", "arguments"), CASES)
def test_a_layer_made_from_its_attributes_is_the_same_layer(kind: type[nn.Module], arguments: dict[str, Any]) -> None:
    layer, _ = build(kind, arguments)
    again = kind(**kept(layer))
    again.load_state_dict(layer.state_dict())
    x = torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(again.eval()(x), layer.eval()(x), rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "arguments"), CASES)
def test_layers_run_on_the_meta_device_and_under_autocast(kind: type[nn.Module], arguments: dict[str, Any]) -> None:
    layer, _ = build(kind, arguments)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(2, 8, 4, 4, requires_grad=True))
    out.float().sum().backward()
    assert [name for name, parameter in layer.named_parameters() if parameter.grad is None] == []
    with torch.device("meta"):
        copy, _ = build(kind, arguments)
    assert copy(torch.empty(2, 8, 4, 4, device="meta")).shape == out.shape
