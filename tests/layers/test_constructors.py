"""The rule of `sasa_nas.layers`: a layer keeps each argument of its constructor under the same name."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn

import sasa_nas.layers

ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "AttentionStem": [
        {"kernel_size": 3, "num_heads": 2, "mixtures": 2, "embedding_dim": 5, "pool": False},
        {"values": "plain"},
        {"values": "conv_values"},
    ],
    "AugmentedConv2d": [
        {"feature_size": (6, 5)},
        {"feature_size": (6, 5), "value_ratio": 0.0, "stride": 2},
        {"feature_size": (4, 4), "value_ratio": 1.0, "positions": "sine", "downsample": True},
        {"feature_size": (4, 4), "kernel_size": 5, "num_heads": 4, "key_ratio": 0.5, "min_key_dim": 1},
        {"feature_size": (4, 4), "positions": "coordconv"},
    ],
    "ConvStem": [{}, {"kernel_size": 3, "stride": 1, "pool": False}],
    "GlobalAttention2d": [
        {"feature_size": (6, 5)},
        {"feature_size": (4, 4), "num_heads": 2, "positions": "none", "stride": 2},
    ],
    "LocalAttention2d": [
        {},
        {"kernel_size": 3, "num_heads": 4, "stride": 2, "positions": "absolute", "padding": "zeros"},
        {"interactions": "relative"},
        {"interactions": "content", "positions": "none"},
    ],
    "MapAttention2d": [
        {"num_heads": 4, "relative": True, "bias": False, "feature_size": (4, 5)},
        {"num_heads": 2, "relative": False, "bias": True, "feature_size": (3, 4)},
    ],
    "PairwiseAttention2d": [
        {},
        {"kernel_size": 3, "key_ratio": 0.5, "relation": "dot", "share_channels": 4, "mapping_layers": 3},
        {"positions": False, "stride": 2},
    ],
    "PatchwiseAttention2d": [
        {},
        {"kernel_size": 3, "key_ratio": 0.5, "relation": "star", "share_channels": 4, "mapping_layers": 1},
        {"relation": "clique", "kernel_size": 3, "stride": 2},
    ],
}
CASES = [(name, arguments) for name, cases in ARGUMENTS.items() for arguments in cases]


def is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(is_plain(part) for part in value)
    return value is None or isinstance(value, int | float | bool | str)


def build(name: str, arguments: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    kind = getattr(sasa_nas.layers, name)
    widths = {"key_channels": 8, "value_channels": 16} if name == "MapAttention2d" else {"out_channels": 16}
    given = {"in_channels": 8, **widths, **arguments}
    return kind(**given), given


def test_every_exported_layer_is_checked() -> None:
    exported = {name: getattr(sasa_nas.layers, name) for name in sasa_nas.layers.__all__}
    modules = {name for name, kind in exported.items() if isinstance(kind, type) and issubclass(kind, nn.Module)}
    assert modules == set(ARGUMENTS)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_arguments_are_attributes(name: str, arguments: dict[str, Any]) -> None:
    layer, given = build(name, arguments)
    for parameter in inspect.signature(type(layer)).parameters.values():
        value = getattr(layer, parameter.name)
        assert value == given.get(parameter.name, parameter.default), parameter.name
        assert is_plain(value), parameter.name


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_layer_made_from_its_attributes_is_the_same_layer(name: str, arguments: dict[str, Any]) -> None:
    layer, _ = build(name, arguments)
    again = type(layer)(**{p: getattr(layer, p) for p in inspect.signature(type(layer)).parameters})
    again.load_state_dict(layer.state_dict())
    x = torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(again.eval()(x), layer.eval()(x), rtol=0, atol=0)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_layers_run_on_the_meta_device_and_under_autocast(name: str, arguments: dict[str, Any]) -> None:
    layer, _ = build(name, arguments)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(2, 8, 4, 4))
    out.float().sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    with torch.device("meta"):
        copy, _ = build(name, arguments)
    assert copy(torch.empty(2, 8, 4, 4, device="meta")).shape == out.shape
