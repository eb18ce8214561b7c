"""The registry of stems: for each kind its description, its layer and the facts that other rooms need of it."""

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
        count: Maps the layer, height and width of an image to the `Counts` of its own work, that of its sub-modules
            excluded; None if they do all of it.
        probe: Maps the layer to an `AttentionProbe`; None if it does not attend.
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
"""Every kind of stem."""

AnyStem: TypeAlias = Annotated[Stem, OneOf(STEMS)]
"""The type of a field that holds a stem of any registered kind."""

D = TypeVar("D", bound=type[Stem])


def register_stem(
    *, short: str, layer: Reference, count: Reference = None, probe: Reference = None
) -> Callable[[D], D]:
    """Register a kind of stem; a decorator of its description.

    Args:
        short: As in `StemEntry`, as all further arguments.
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
