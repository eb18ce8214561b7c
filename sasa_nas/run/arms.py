"""Arms of a search: the reasons for which designs are trained."""

from enum import StrEnum


class Arm(StrEnum):
    """Reason why a design was trained, on which depends what may be concluded from its accuracy."""

    SEARCH = "search"
    """The search's sampler wanted it: good for the front, confounded for effects."""
    BALANCED = "balanced"
    """Drawn in balance over the space's options, each design with several seeds, to estimate effects."""
    SWAP = "swap"
    """A network of the front, or its twin with convolution in one stage, to compare the two at equal seeds."""
    SETTLE = "settle"
    """A network whose place on the front was uncertain, once more with another seed."""
    WIDTH = "width"
    """The all-convolution network, widened or thinned, to tell what the same FLOPs buy when they are spent on width."""
    EQUAL = "equal"
    """Like `BALANCED`, but each design is widened or thinned to the cost of convolution in all stages."""

    @property
    def in_balance(self) -> bool:
        """Return whether its designs are drawn in balance over the space's options, so that they tell effects."""
        return self in (Arm.BALANCED, Arm.EQUAL)

    @property
    def outside(self) -> bool:
        """Return whether its networks are none of the space's, because their widths are others.

        They stand on no front, and no sampler and no model of the space's networks learns from them.
        """
        return self in (Arm.WIDTH, Arm.EQUAL)
