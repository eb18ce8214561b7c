"""The base of the descriptions of channel attention."""

from sasa_nas.nodes import Node


class ChannelAttention(Node):
    """Attention over channels, in every block on its output before the shortcut is added.

    In an inverted block it stands on the hidden channels. A kind is a frozen type derived from this one, with a field
    `kind: Literal["name"] = "name"` and its options, registered with `register_channel_attention`.

    Attributes:
        kind: Name of the kind.
    """

    kind: str

    @property
    def after_stage(self) -> bool:
        """True if it stands once after a stage's last block, false if it stands in every block."""
        return False
