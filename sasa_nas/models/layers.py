"""Modules made from descriptions: the registered layer gets the description's options by name."""

import inspect
from collections.abc import Callable

from torch import nn

from sasa_nas.channel_attention import CHANNEL_ATTENTIONS, ChannelAttention
from sasa_nas.errors import UserError
from sasa_nas.nodes import resolve
from sasa_nas.operators import OPERATORS, Operator
from sasa_nas.stems import STEMS, Stem


def build_operator(
    operator: Operator, in_channels: int, out_channels: int, *, stride: int, feature_size: tuple[int, int]
) -> nn.Module:
    """Build a module from `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`.

    Args:
        operator: Description of a registered kind.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1 or 2.
        feature_size: Height and width of the input map, given to layers that ask for it: position tables of
            whole-map attention cover it.

    Raises:
        UserError: If the kind is known from a record alone.
    """
    entry = OPERATORS[operator.kind]
    if entry.foreign:
        raise UserError(f"the operator '{entry.kind}' is one of your own; give its code too: --operators FILE")
    layer = resolve(entry.layer)
    options = operator.options
    if _takes(layer, "feature_size"):
        options["feature_size"] = feature_size
    module: nn.Module = layer(in_channels, out_channels, stride=stride, **options)
    return module


def build_stem(stem: Stem, in_channels: int) -> nn.Module:
    """Return the first layers, for images of `in_channels` channels."""
    options = stem.options
    module: nn.Module = resolve(STEMS[stem.kind].layer)(in_channels, options.pop("width"), **options)
    return module


def build_channel_attention(attention: ChannelAttention, channels: int) -> nn.Module:
    """Return a module from `(B, channels, H, W)` to the same shape."""
    layer = resolve(CHANNEL_ATTENTIONS[attention.kind].layer)
    options = attention.options
    if _takes(layer, "channels"):
        options["channels"] = channels
    module: nn.Module = layer(**options)
    return module


def _takes(layer: Callable[..., nn.Module], argument: str) -> bool:
    return argument in inspect.signature(layer).parameters
