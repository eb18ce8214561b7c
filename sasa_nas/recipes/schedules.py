"""Learning rates over a training, as factors of the optimiser's peak; functions of the step alone."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from sasa_nas.nodes import Bool, Misfit, Node
from sasa_nas.recipes.fields import NonNegative, PositiveFloat, Probability


class _Schedule(Node):
    """Fields of every schedule: a linear warm-up first."""

    warmup_epochs: NonNegative = 0.0
    warmup_from: Probability = 0.0
    """Factor at the first step; 0 begins with the first of as many equal steps up."""
    by_epoch: Bool = False
    """Rate that changes between epochs alone, as in timm, and not at every step, if true."""


class Cosine(_Schedule):
    """Half a cosine from the peak to `final`, warm-up included in the epochs."""

    kind: Literal["cosine"] = "cosine"
    final: Probability = 0.0
    """Factor that the last step would be followed by."""
    after_warmup: Bool = True
    """Cosine that begins when the warm-up ends, if true; else it spans the whole training, and the warm-up replaces its
    beginning, as in timm."""


class Steps(_Schedule):
    """Factors that fall at given epochs."""

    kind: Literal["steps"] = "steps"
    at: tuple[PositiveFloat, ...]
    """Epochs at whose beginning the rate is multiplied by `factor`, in ascending order."""
    factor: Probability = 0.1

    @model_validator(mode="after")
    def _ordered(self) -> "Steps":
        if list(self.at) != sorted(set(self.at)):
            raise Misfit("at", "must ascend")
        return self


class Triangle(_Schedule):
    """Line from the peak, reached after the warm-up, to zero at the end."""

    kind: Literal["triangle"] = "triangle"


Schedule: TypeAlias = Annotated[Cosine | Steps | Triangle, Field(discriminator="kind")]
