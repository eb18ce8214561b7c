"""The base of the descriptions of spatial operators."""

from sasa_nas.nodes import Node


class Operator(Node):
    """A spatial operator that may stand where a residual block has its 3x3 convolution.

    A kind of operator is a frozen type derived from this one, with a field `kind: Literal["name"] = "name"` and its
    options, registered with `register_operator`. The layer that it describes is named there.

    Attributes:
        kind: Name of the kind.
    """

    kind: str

    @property
    def attends(self) -> bool:
        """True if its output depends on attention; false for a plain convolution."""
        return True

    def check_width(self, width: int) -> None:
        """Check that the operator fits a stage.

        Args:
            width: Output channels of the operator.

        Raises:
            Misfit: If an option does not fit; by default any width does.
        """

    def scaled(self, multiplier: float) -> "Operator":
        """Return the operator of a network whose widths are multiplied.

        Args:
            multiplier: Factor of all widths. Options that are shares of a width stay as they are, which is all that
                most operators need; one that counts channels outright overrides this.
        """
        return self

    @property
    def label(self) -> str:
        """Side of the window where there is one, for short names such as `local7`."""
        return str(getattr(self, "kernel_size", ""))
