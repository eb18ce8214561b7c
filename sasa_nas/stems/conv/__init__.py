"""The convolution stem of a ResNet."""

from typing import Annotated, Literal, Self

from pydantic import Field

from sasa_nas.nodes import Bool, OddInt, Positive
from sasa_nas.stems.base import Stem
from sasa_nas.stems.registry import register_stem


@register_stem(short="conv", layer="sasa_nas.stems.conv.layer:ConvStem")
class ConvStem(Stem):
    """Convolution, batch norm, ReLU and, as a rule, a 3x3 max pool of stride 2 (He et al. 2015)."""

    kind: Literal["conv"] = "conv"
    kernel_size: OddInt = 7
    stride: Annotated[Positive, Field(le=4)] = 2
    pool: Bool = True
    """Whether the 3x3 max pool of stride 2 follows."""
    activation: Bool = True
    """Whether batch norm and ReLU follow; pre-activation blocks bring their own."""

    @property
    def attends(self) -> bool:
        """False, as it has no attention."""
        return False

    @property
    def reduction(self) -> int:
        """The convolution's stride, doubled by the pool."""
        return 2 * self.stride if self.pool else self.stride

    def for_small_image(self) -> Self:
        """Return a 3x3 convolution of stride 1 without a pool (He et al. 2015, section 4.2)."""
        return self.model_copy(update={"kernel_size": min(3, self.kernel_size), "stride": 1, "pool": False})
