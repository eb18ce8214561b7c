"""Registry of stems: for each kind its description, its layer and facts about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from sasa_nas.nodes import OneOf, Reference, Registry, kind_of
from sasa_nas.stems.base import Stem


@dataclass(frozen=True)
class StemEntry:
    """Facts about one kind of stem.

    Attributes:
        description: The type that describes it.
        short: Name in narrow charts, of at most four letters.
        layer: The module's class. It takes `in_channels`, `out_channels` and the options by the names of the
            description's fields, and keeps each argument in an attribute of the same name.
        count: Function from the layer, height and width of an image to the `Counts` of its own work, without that of
            its sub-modules; None if they do all of it.
        probe: Function from the layer to an `AttentionProbe`; None if it has no attention.
    """

    description: type[Stem]
    short: str
    layer: Reference
    count: Reference = None
    probe: Reference = None

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return kind_of(self.description)


STEMS: Registry[StemEntry] = Registry("stem")
"""All kinds of stems."""

AnyStem: TypeAlias = Annotated[Stem, OneOf(STEMS)]
"""Type of a field with a stem of any registered kind."""

D = TypeVar("D", bound=type[Stem])


def register_stem(
    *, short: str, layer: Reference, count: Reference = None, probe: Reference = None
) -> Callable[[D], D]:
    """Register a kind of stem, as a decorator of its description.

    Args:
        short: Name in narrow charts; for all arguments see `StemEntry`.
        layer: `module:name`, or the object itself.
        count: Function of layer, height and width; needed unless sub-modules do all the work.
        probe: Function of the layer.

    Raises:
        ValueError: If the kind is registered already.
    """

    def register(description: D) -> D:
        STEMS.add(StemEntry(description, short, layer, count, probe))
        return description

    return register
