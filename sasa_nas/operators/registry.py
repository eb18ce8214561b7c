"""Registry of operators: for each kind its description, its layer and facts about it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar

from sasa_nas.nodes import OneOf, Reference, Registry, kind_of
from sasa_nas.operators.base import Operator

BASELINE = "conv"
"""The kind that all others are compared with."""


SHORT, LETTER, COLOUR = r"^[a-z]{1,6}$", r"^[A-Z]$", r"^#[0-9a-fA-F]{6}$"
"""Patterns of the names and colours of a kind, which are used literally in tables, figures and pages."""
KIND = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
"""Pattern of the name of a kind."""


@dataclass(frozen=True)
class OperatorEntry:
    """Facts about one kind of operator.

    Attributes:
        description: The type that describes it.
        short: Name in tables, of at most six letters, no two alike.
        letter: Name in a network's word such as `CCLL`: one capital letter, no two alike.
        colour: Hexadecimal colours in the report, on a light and on a dark background.
        layer: The module's class, or a function that returns a module of torch's, which is counted as such. It takes
            `in_channels`, `out_channels`, `stride`, the options by the names of the description's fields and, if it has
            an argument `feature_size`, the height and width of the input map; it keeps each argument in an attribute
            of the same name.
        count: Function from the layer, height and width of its input to the `Counts` of its own work for one image,
            without that of its sub-modules.
        probe: Function from the layer to an `AttentionProbe`; None if the attention is in a sub-module, or there is
            none.
        forms: Function from a torch device to the name of the implementation that runs there, and the reason; None
            if there is only one.
        decompositions: Functions that return decompositions of library operators into torch's own, for exports.
        initialise_without_norm: Function that changes the initial weights of a layer that no norm follows; None for
            no change.
        bound_flow: Function that changes a layer so that weights without a softmax do not multiply the flow that
            synflow measures; None for no change.
        examples: Options of designs for tests, beside the defaults.
        foreign: Whether it is known from a record alone, without `layer` and `count`.
    """

    description: type[Operator]
    short: str
    letter: str
    colour: tuple[str, str]
    layer: Reference
    count: Reference
    probe: Reference = None
    forms: Reference = None
    decompositions: tuple[Reference, ...] = ()
    initialise_without_norm: Reference = None
    bound_flow: Reference = None
    examples: tuple[Mapping[str, Any], ...] = field(default=({},))
    foreign: bool = False

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return kind_of(self.description)


def _find_installed(kind: str) -> None:
    # plugins import this module
    from sasa_nas.operators.plugins import find_installed

    find_installed(kind)


OPERATORS: Registry[OperatorEntry] = Registry("operator", _find_installed)
"""All kinds of operators, the baseline first."""

AnyOperator: TypeAlias = Annotated[Operator, OneOf(OPERATORS)]
"""Type of a field with an operator of any registered kind."""

D = TypeVar("D", bound=type[Operator])


def register_operator(
    *,
    short: str,
    letter: str,
    colour: tuple[str, str],
    layer: Reference,
    count: Reference,
    probe: Reference = None,
    forms: Reference = None,
    decompositions: Sequence[Reference] = (),
    initialise_without_norm: Reference = None,
    bound_flow: Reference = None,
    examples: Sequence[Mapping[str, Any]] = ({},),
) -> Callable[[D], D]:
    """Register a kind of operator, as a decorator of its description.

    Code is given as `module:name`, which is imported when it is first needed, or as the object itself.

    Args:
        short: Name in tables; for all arguments see `OperatorEntry`.
        letter: Name in a network's word, one capital letter.
        colour: Two hexadecimal colours, as `#7b3fa0`.
        layer: Class of the layer, or a function that returns it.
        count: Function of layer, height and width. There is no default: an operator that costs nothing would win
            every comparison.
        probe: Function of the layer.
        forms: Function of a device.
        decompositions: Functions without arguments that return decompositions for exports.
        initialise_without_norm: Function of the layer.
        bound_flow: Function of the layer.
        examples: Dictionaries of options of designs for tests.

    Raises:
        ValueError: If the kind, the short name or the letter is taken, or an argument is invalid.

    Examples:
        >>> from typing import Literal
        >>> from torch import nn
        >>> from sasa_nas.operators import OPERATORS, Counts, Macs, Operator, register_operator
        >>> def pointwise(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
        ...     return nn.Conv2d(in_channels, out_channels, 1, stride=stride)
        >>> @register_operator(short="point", letter="Z", colour=("#806000", "#e0c060"), layer=pointwise,
        ...                    count=lambda layer, height, width: Counts())
        ... class Pointwise(Operator):
        ...     kind: Literal["pointwise"] = "pointwise"
        >>> OPERATORS["pointwise"].letter
        'Z'
        >>> OPERATORS.remove("pointwise")
    """
    if not re.fullmatch(SHORT, short):
        raise ValueError(f"short='{short}' must be one to six small letters")
    if not re.fullmatch(LETTER, letter):
        raise ValueError(f"letter='{letter}' must be one capital letter")
    if not all(re.fullmatch(COLOUR, one) for one in colour) or len(colour) != 2:
        raise ValueError(f"colour={colour} must be two hexadecimal colours such as #7b3fa0, for light and dark")
    for entry in OPERATORS:
        if short == entry.short or letter == entry.letter:
            raise ValueError(f"short='{short}', letter='{letter}': taken by the operator '{entry.kind}'")

    def register(description: D) -> D:
        OPERATORS.add(
            OperatorEntry(
                description=description,
                short=short,
                letter=letter,
                colour=colour,
                layer=layer,
                count=count,
                probe=probe,
                forms=forms,
                decompositions=tuple(decompositions),
                initialise_without_norm=initialise_without_norm,
                bound_flow=bound_flow,
                examples=tuple(examples),
            )
        )
        return description

    return register
