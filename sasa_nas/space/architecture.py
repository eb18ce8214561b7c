"""One concrete design as plain, immutable data: the type that everything else in the package turns on."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.blocks import BlockName, Stage
from sasa_nas.nodes import Node, Positive
from sasa_nas.operators import BASELINE, Misfit
from sasa_nas.space.fitting import check_stages
from sasa_nas.stems import AnyStem
from sasa_nas.stems.conv import ConvStem


class Image(Node):
    """The input: channels, height and width in pixels. Position tables of whole-map attention depend on it."""

    channels: Positive = 3
    height: Positive = 224
    width: Positive = 224


class Architecture(Node):
    """A complete network: input, stem, stages of residual blocks, classifier.

    Two architectures are the same network exactly when they are equal, and then they share an `id`.
    """

    block: BlockName = "bottleneck"
    """The kind of all residual blocks."""
    shortcut: Literal["projection", "parameter_free"] = "projection"
    """What a shortcut is where shapes change: a 1x1 convolution, or an average pool and channels of zeros."""
    stem: AnyStem = ConvStem()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    small_images: Literal["adapt", "keep"] = "adapt"
    """What becomes of stem and strides where the network is made for images of up to 64 pixels: `adapt` has them keep
    the resolution, as the ResNets for CIFAR do; `keep` leaves them as they are written."""
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
    def id(self) -> str:
        """Twelve hexadecimal digits, the same for equal architectures on every machine and version."""
        return node_id(self)

    @property
    def all_convolution(self) -> bool:
        """Return whether its stem and all its stages are convolutions; attention over channels does not count."""
        return not self.stem.attends and {stage.operator.kind for stage in self.stages} == {BASELINE}

    def to_json(self) -> str:
        """Every field, defaults included, as indented JSON that `load_architecture` reads back."""
        return self.model_dump_json(indent=2) + "\n"


def node_id(node: Node) -> str:
    """Twelve hexadecimal digits of a hash of `node`, the same for equal nodes on every machine and version."""
    text = json.dumps(canonical(node), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def canonical(node: Node) -> dict[str, Any]:
    """`node` as JSON data without its default values, so that a field added later changes no id.

    `kind` is always kept: it tells one operator's defaults from another's.
    """
    data: dict[str, Any] = {}
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        if name == "kind" or value != field.default:
            data[name] = _canonical_value(value)
    return data


def _canonical_value(value: Any) -> Any:
    if isinstance(value, Node):
        return canonical(value)
    if isinstance(value, tuple):
        return [_canonical_value(item) for item in value]
    return value
