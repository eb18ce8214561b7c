"""The base of the descriptions of channel attention."""

from sasa_nas.nodes import Node


class ChannelAttention(Node):
    """Base of the kinds of attention over channels, on every block's output before the shortcut is added.

    In an inverted block it is on the hidden channels. A kind is a frozen type derived from this one, with a field
    `kind: Literal["name"] = "name"` and its options, registered with `register_channel_attention`.

    Attributes:
        kind: Name of the kind.
    """

    kind: str

    @property
    def after_stage(self) -> bool:
        """True if it is applied once after a stage's last block, False if in every block."""
        return False
