"""The first layers of a network: from pixels to the first stage's channels."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.nodes import Bool, Node, OddInt, Positive


class ConvStem(Node):
    """Convolution, batch norm, ReLU and, as a rule, a 3x3 max pool of stride 2 (He et al. 2015)."""

    kind: Literal["conv"] = "conv"
    width: Positive = 64
    kernel_size: OddInt = 7
    stride: Annotated[Positive, Field(le=4)] = 2
    pool: Bool = True
    """Whether the 3x3 max pool of stride 2 follows."""
    activation: Bool = True
    """Whether batch norm and ReLU follow; pre-activation blocks bring their own."""


class AttentionStem(Node):
    """Attention inside blocks of pixels (Ramachandran et al. 2019, section 3.2 and Table 7)."""

    kind: Literal["attention"] = "attention"
    width: Positive = 64
    kernel_size: Annotated[Positive, Field(ge=2)] = 4
    """Side of a block, in pixels; blocks do not overlap."""
    num_heads: Positive = 4
    values: Literal["plain", "conv_values", "spatially_aware"] = "spatially_aware"
    mixtures: Positive = 4
    """Value matrices that a spatially aware stem mixes by position."""
    embedding_dim: Positive = 16
    """Width of the position embeddings that weigh the mixtures."""
    pool: Bool = True
    """Whether a max pool of one block's size follows."""

    @model_validator(mode="after")
    def _heads_divide(self) -> "AttentionStem":
        if self.width % self.num_heads:
            raise PydanticCustomError(
                "misfit",
                "num_heads={heads} does not divide width={width}",
                {"field": "num_heads", "heads": self.num_heads, "width": self.width},
            )
        return self


Stem = Annotated[ConvStem | AttentionStem, Field(discriminator="kind")]
STEMS: tuple[type[Node], ...] = (ConvStem, AttentionStem)
