"""The attention stem of a fully attentional network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.nodes import Bool, Positive
from sasa_nas.stems.base import Stem
from sasa_nas.stems.registry import register_stem


@register_stem(
    short="attn",
    layer="sasa_nas.stems.attention.layer:AttentionStem",
    count="sasa_nas.stems.attention.facts:count",
    probe="sasa_nas.stems.attention.facts:probe",
)
class AttentionStem(Stem):
    """Attention inside blocks of pixels (Ramachandran et al. 2019, section 3.2 and Table 7)."""

    kind: Literal["attention"] = "attention"
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

    @property
    def reduction(self) -> int:
        """Side of the pooled blocks."""
        return self.kernel_size if self.pool else 1

    def for_small_image(self) -> Self:
        """Return the stem without its pool."""
        return self.model_copy(update={"pool": False})
