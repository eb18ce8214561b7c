"""The base of the descriptions of stems."""

from typing import Self

from sasa_nas.nodes import Node, Positive


class Stem(Node):
    """Base of the kinds of stems, the first layers of a network, from pixels to the first stage's channels.

    A kind of stem is a frozen type derived from this one, with a field `kind: Literal["name"] = "name"` and its
    options, registered with `register_stem`.

    Attributes:
        kind: Name of the kind.
        width: Channels of the output.
    """

    kind: str
    width: Positive = 64

    @property
    def attends(self) -> bool:
        """True if its output depends on attention; False for plain convolutions."""
        return True

    @property
    def reduction(self) -> int:
        """Pixels of the image per cell of the output map, in either direction."""
        raise NotImplementedError

    def for_small_image(self) -> Self:
        """Return the stem for images of 64 pixels or less, which keeps their resolution; by default the stem itself."""
        return self
