"""Architecture: a concrete design as plain, immutable data."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.blocks import BlockName, Stage
from sasa_nas.nodes import Node, Positive
from sasa_nas.operators import BASELINE, Misfit
from sasa_nas.space.fitting import check_stages
from sasa_nas.space.network import NetworkDescription
from sasa_nas.stems import AnyStem
from sasa_nas.stems.conv import ConvStem
from sasa_nas.tasks import CLASSIFICATION


class Image(Node):
    """The input: channels, height and width in pixels. Position tables of global attention depend on it."""

    channels: Positive = 3
    height: Positive = 224
    width: Positive = 224


class Architecture(NetworkDescription):
    """A complete classifier: input, stem, stages of residual blocks, linear layer."""

    task: ClassVar[str] = CLASSIFICATION.name

    block: BlockName = "bottleneck"
    """The kind of all residual blocks."""
    shortcut: Literal["projection", "parameter_free"] = "projection"
    """Shortcut between different shapes: a 1x1 convolution, or an average pool and channels of zeros."""
    stem: AnyStem = ConvStem()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    small_images: Literal["adapt", "keep"] = "adapt"
    """Treatment of stem and strides for images of up to 64 pixels: `adapt` makes them keep the resolution, as in the
    ResNets for CIFAR; `keep` leaves them unchanged."""
    head_width: Positive | None = None
    """Channels of a last 1x1 convolution before the classifier's mean, if there is one (MnasNet)."""
    image: Image = Image()
    num_classes: Positive = 1000

    @model_validator(mode="after")
    def _stages_fit(self) -> "Architecture":
        try:
            check_stages(
                self.stages,
                self.block,
                in_channels=self.stem.width,
                parameter_free_shortcut=self.shortcut == "parameter_free",
            )
        except Misfit as misfit:
            raise PydanticCustomError(
                "misfit", "{message}", {"field": misfit.field, "message": str(misfit)}
            ) from misfit
        return self

    @property
    def trunk(self) -> "Architecture":
        """The architecture itself."""
        return self

    @property
    def all_convolution(self) -> bool:
        """True if its stem and all its stages are convolutions, with or without attention over channels."""
        return not self.stem.attends and {stage.operator.kind for stage in self.stages} == {BASELINE}
