"""The spatial operators that may stand where a residual block has its 3x3 convolution.

Each is the description alone; `sasa_nas.layers` holds the modules. The names of the options are the
papers': `key_ratio` is kappa and `value_ratio` upsilon of "Attention Augmented Convolutional Networks".
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.space.node import Bool, Node, OddInt, Positive, Ratio


class Misfit(ValueError):
    """An operator that a stage of this width cannot hold."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _require_divisor(field: str, value: int, width: int) -> None:
    if width % value:
        divisors = [str(n) for n in range(1, min(width, 64) + 1) if width % n == 0]
        raise Misfit(field, f"{field}={value} does not divide width={width} (divisors: {', '.join(divisors)})")


class Conv(Node):
    """The dense convolution, the baseline that every other operator is compared with."""

    kind: Literal["conv"] = "conv"
    kernel_size: OddInt = 3

    def check_width(self, width: int) -> None:
        """Any width will do."""


class LocalAttention(Node):
    """Stand-alone self-attention in a window (Ramachandran et al. 2019, arXiv 1906.05909)."""

    kind: Literal["local_attention"] = "local_attention"
    kernel_size: OddInt = 7
    num_heads: Positive = 8
    positions: Literal["none", "absolute", "relative"] = "relative"
    interactions: Literal["content", "relative", "both"] = "both"
    """Which terms of the logits are kept: q.k (content), q.r (relative), or their sum."""
    padding: Literal["mask", "zeros"] = "mask"
    """What a key beyond the image's edge is: absent from the softmax, or a zero vector."""

    @model_validator(mode="after")
    def _interactions_need_positions(self) -> "LocalAttention":
        if self.interactions == "relative" and self.positions != "relative":
            raise PydanticCustomError(
                "misfit",
                "interactions=relative needs positions=relative, not {positions}",
                {"field": "interactions", "positions": self.positions},
            )
        return self

    def check_width(self, width: int) -> None:
        """Raises `Misfit` unless the heads divide `width`, evenly in two where the embedding has halves."""
        _require_divisor("num_heads", self.num_heads, width)
        if self.positions == "relative" and width // self.num_heads % 2:
            raise Misfit(
                "num_heads",
                f"num_heads={self.num_heads} leaves {width // self.num_heads} channels a head of width={width}; "
                "relative positions need an even number (half for rows, half for columns)",
            )


class AugmentedConv(Node):
    """Convolution beside whole-map attention, concatenated (Bello et al. 2019, arXiv 1904.09925)."""

    kind: Literal["augmented_conv"] = "augmented_conv"
    kernel_size: OddInt = 3
    num_heads: Positive = 8
    key_ratio: Ratio = 0.2
    """kappa: key channels as a share of the output's."""
    value_ratio: Ratio = 0.1
    """upsilon: attention's share of the output channels; 0 is the plain convolution."""
    min_key_dim: Positive = 20
    """Key channels a head has at least."""
    positions: Literal["none", "sine", "coordconv", "relative"] = "relative"
    downsample: Bool = False
    """Whether attention sees the map at half resolution, its output being upsampled again."""

    def check_width(self, width: int) -> None:
        """Raises `Misfit` where there are more heads than channels."""
        if self.value_ratio > 0 and self.num_heads > width:
            raise Misfit("num_heads", f"num_heads={self.num_heads} exceeds width={width}")


class Pairwise(Node):
    """Pairwise self-attention of SAN (Zhao, Jia, Koltun 2020, equation 2)."""

    kind: Literal["pairwise"] = "pairwise"
    kernel_size: OddInt = 7
    relation: Literal["sum", "subtraction", "hadamard", "concatenation", "dot"] = "subtraction"
    key_ratio: Annotated[Ratio, Field(gt=0.0)] = 0.25
    """Channels of phi and psi as a share of the stage's width (r2 / r1 in the paper)."""
    share_channels: Positive = 8
    """How many feature channels share one attention weight."""
    mapping_layers: Annotated[Positive, Field(le=3)] = 2
    """Linear layers in the mapping gamma."""
    positions: Bool = True

    def check_width(self, width: int) -> None:
        """Raises `Misfit` unless the groups that share a weight divide `width`."""
        _require_divisor("share_channels", self.share_channels, width)


class Patchwise(Node):
    """Patchwise self-attention of SAN (Zhao, Jia, Koltun 2020, equation 4)."""

    kind: Literal["patchwise"] = "patchwise"
    kernel_size: OddInt = 7
    relation: Literal["star", "clique", "concatenation"] = "concatenation"
    key_ratio: Annotated[Ratio, Field(gt=0.0)] = 0.25
    """Channels of phi and psi as a share of the stage's width (r2 / r1 in the paper)."""
    share_channels: Positive = 8
    """How many feature channels share one attention weight."""
    mapping_layers: Annotated[Positive, Field(le=3)] = 2
    """Linear layers in the mapping gamma."""

    def check_width(self, width: int) -> None:
        """Raises `Misfit` unless the groups that share a weight divide `width`."""
        _require_divisor("share_channels", self.share_channels, width)


class GlobalAttention(Node):
    """Multi-head attention over the whole map with relative row and column logits."""

    kind: Literal["global_attention"] = "global_attention"
    num_heads: Positive = 8
    positions: Literal["none", "relative"] = "relative"

    def check_width(self, width: int) -> None:
        """Raises `Misfit` unless the heads divide `width`."""
        _require_divisor("num_heads", self.num_heads, width)


Operator = Annotated[
    Conv | LocalAttention | AugmentedConv | Pairwise | Patchwise | GlobalAttention,
    Field(discriminator="kind"),
]
OPERATORS: tuple[type[Node], ...] = (
    Conv,
    LocalAttention,
    AugmentedConv,
    Pairwise,
    Patchwise,
    GlobalAttention,
)
"""Every kind of operator, the baseline first; `sasa-nas list operators` shows them."""
