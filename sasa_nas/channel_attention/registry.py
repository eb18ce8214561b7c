"""Registry of channel attention: for each kind its description and its layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.nodes import OneOf, Reference, Registry, kind_of


@dataclass(frozen=True)
class ChannelAttentionEntry:
    """Facts about one kind of channel attention.

    Attributes:
        description: The type that describes it.
        layer: The module's class, whose sub-modules do all the counted work. It takes the options by the names of the
            description's fields and, if it has an argument `channels`, the channels of its input, whose shape it
            keeps; it keeps each argument in an attribute of the same name.
    """

    description: type[ChannelAttention]
    layer: Reference

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return kind_of(self.description)


CHANNEL_ATTENTIONS: Registry[ChannelAttentionEntry] = Registry("channel attention")
"""All kinds of channel attention."""

AnyChannelAttention: TypeAlias = Annotated[ChannelAttention, OneOf(CHANNEL_ATTENTIONS)]
"""Type of a field with channel attention of any registered kind."""

D = TypeVar("D", bound=type[ChannelAttention])


def register_channel_attention(*, layer: Reference) -> Callable[[D], D]:
    """Register a kind of channel attention, as a decorator of its description.

    Args:
        layer: The layer (see `ChannelAttentionEntry`) as `module:name`, or the object itself.

    Raises:
        ValueError: If the kind is registered already.
    """

    def register(description: D) -> D:
        CHANNEL_ATTENTIONS.add(ChannelAttentionEntry(description, layer))
        return description

    return register
