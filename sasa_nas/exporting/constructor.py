"""Conversion of a network into source text: the nested constructor calls that build it."""

import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from sasa_nas.exporting.own_layers import own_layers
from sasa_nas.layers.resnet import ResNet
from sasa_nas.models.builder import Network

_LAYER_MODULES = tuple(
    f"sasa_nas.{room}." for room in ("layers", "operators", "stems", "channel_attention", "blocks", "detection.layers")
)
"""Prefixes of the modules whose layers can be written as calls."""

LINE_LENGTH = 110
"""Most columns of a line of generated code, unless a single argument is longer."""


@dataclass(frozen=True)
class Argument:
    """One argument of a call or item of a list: its keyword, if it is given by one, and its value."""

    keyword: str | None
    value: "Expression"


@dataclass(frozen=True)
class Brackets:
    """A call or a list.

    Attributes:
        opening: Text before the items, with the bracket.
        items: The arguments or items.
        closing: The closing bracket.
        is_tall: Whether each item has its own line even if all would fit into one.
    """

    opening: str
    items: tuple[Argument, ...]
    closing: str
    is_tall: bool = False


Expression = str | Brackets


def describe(module: nn.Module, classes: set[type[nn.Module]], variables: Mapping[str, str] | None = None) -> Brackets:
    """Return the call that builds `module`, freshly initialised.

    Layers of the package keep the arguments of their constructors in attributes of the same names; those
    that equal the constructor's defaults are left out.

    Args:
        module: A network or a part of one.
        classes: Receives the package's classes that the call names.
        variables: Names to write in place of some arguments' values, by parameter; for a parameter of an argument
            that is itself a layer, with a dot, such as `stem.in_channels`. Default: none.

    Raises:
        ValueError: If a module is of no known class, or does not keep its arguments.
    """
    if type(module) is nn.Conv2d:
        return _convolution(module)
    if type(module) is nn.Sequential:
        blocks = tuple(Argument(None, describe(child, classes)) for child in module)
        return Brackets("nn.Sequential(", blocks, ")", is_tall=bool(blocks))
    if type(module) is nn.ReLU:
        return Brackets("nn.ReLU(", (Argument("inplace", "True"),) if module.inplace else (), ")")
    own = ResNet if type(module) is Network else type(module)
    if not own.__module__.startswith(_LAYER_MODULES) and own not in own_layers():
        raise ValueError(f"no way to write down a module of class {own.__module__}.{own.__qualname__}")
    classes.add(own)
    return Brackets(f"{own.__name__}(", _arguments(own, module, classes, variables or {}), ")")


def layout(expression: Expression, *, indent: int, prefix: int = 0) -> str:
    """Return the text of an expression, on one line if it fits.

    Args:
        expression: The expression.
        indent: Indentation of the expression's first line, in spaces.
        prefix: Number of characters before the expression on its first line.
    """
    if isinstance(expression, str):
        return expression
    parts = [(f"{item.keyword}=" if item.keyword else "", item.value) for item in expression.items]
    one_line = ", ".join(keyword + layout(value, indent=indent) for keyword, value in parts)
    flat = f"{expression.opening}{one_line}{expression.closing}"
    # The one more column is that of the comma that may follow.
    if not expression.is_tall and "\n" not in flat and indent + prefix + len(flat) + 1 <= LINE_LENGTH:
        return flat
    inner = indent + 4
    lines = [f"{' ' * inner}{keyword}{layout(value, indent=inner, prefix=len(keyword))},\n" for keyword, value in parts]
    return f"{expression.opening}\n{''.join(lines)}{' ' * indent}{expression.closing}"


def _arguments(
    own: type[nn.Module], module: nn.Module, classes: set[type[nn.Module]], variables: Mapping[str, str]
) -> tuple[Argument, ...]:
    arguments: list[Argument] = []
    after_module = False
    for parameter in inspect.signature(own).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(f"{own.__name__} takes {parameter}, which cannot be written down")
        if not hasattr(module, parameter.name):
            raise ValueError(f"{own.__name__} does not keep its argument {parameter.name}")
        value = getattr(module, parameter.name)
        is_default = parameter.default is not parameter.empty and value == parameter.default
        if is_default and type(value) is type(parameter.default) and parameter.name not in variables:
            continue
        is_module = isinstance(value, nn.Module)
        by_position = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
        # A bare number behind a long call would be hard to tell.
        keyword = None if by_position and (is_module or not after_module) else parameter.name
        if isinstance(value, nn.Module):
            inner = f"{parameter.name}."
            below = {name.removeprefix(inner): text for name, text in variables.items() if name.startswith(inner)}
            written: Expression = describe(value, classes, below)
        else:
            written = variables.get(parameter.name) or _literal(value)
        arguments.append(Argument(keyword, written))
        after_module |= is_module
    return tuple(arguments)


def _literal(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    raise ValueError(f"no way to write down the argument {value!r}")


def _convolution(conv: nn.Conv2d) -> Brackets:
    """Return the call of a `Conv2d`, whose attributes differ from its arguments."""
    defaults = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "padding_mode": '"zeros"'}
    given = {
        "stride": _square(conv.stride),
        "padding": _square(conv.padding),
        "dilation": _square(conv.dilation),
        "groups": _literal(conv.groups),
        "padding_mode": _literal(conv.padding_mode),
    }
    positional = [_literal(conv.in_channels), _literal(conv.out_channels), _square(conv.kernel_size)]
    arguments = [Argument(None, value) for value in positional]
    arguments += [Argument(name, value) for name, value in given.items() if value != defaults[name]]
    if conv.bias is None:
        arguments.append(Argument("bias", "False"))
    return Brackets("nn.Conv2d(", tuple(arguments), ")")


def _square(value: object) -> str:
    """Return a pair of equal numbers as one number."""
    if isinstance(value, tuple) and len(set(value)) == 1:
        return _literal(value[0])
    return _literal(value)
