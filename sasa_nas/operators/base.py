"""The base of the descriptions of spatial operators."""

from sasa_nas.nodes import Node


class Operator(Node):
    """Base of the kinds of spatial operators, which may replace a residual block's 3x3 convolution.

    A kind of operator is a frozen type derived from this one, with a field `kind: Literal["name"] = "name"` and its
    options, registered with `register_operator`. The layer that it describes is named there.

    Attributes:
        kind: Name of the kind.
    """

    kind: str

    @property
    def attends(self) -> bool:
        """True if its output depends on attention; False for a plain convolution."""
        return True

    def check_width(self, width: int) -> None:
        """Check that the operator fits a stage.

        Args:
            width: Output channels of the operator.

        Raises:
            Misfit: If an option does not fit; by default any width fits.
        """

    def scaled(self, multiplier: float) -> "Operator":
        """Return the operator for a network with multiplied widths; by default the operator itself.

        An operator with an option that is a number of channels, not a share of a width, overrides this.

        Args:
            multiplier: Factor of all widths.
        """
        return self

    @property
    def label(self) -> str:
        """Side of the window, if any, for short names such as `local7`."""
        return str(getattr(self, "kernel_size", ""))
