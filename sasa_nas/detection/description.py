"""An object detector as plain, immutable data: RetinaNet around any residual network."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.blocks import BLOCKS
from sasa_nas.documents import DescriptionError
from sasa_nas.nodes import Positive
from sasa_nas.operators import AnyOperator, Misfit, Operator
from sasa_nas.operators.conv import Conv
from sasa_nas.space import Architecture, load_network
from sasa_nas.space.network import NetworkDescription
from sasa_nas.space.proxy import PositiveFloat
from sasa_nas.tasks import DETECTION, TASKS

IMAGE_SIZE = 640
"""Side of a detector's input in pixels, unless its backbone says otherwise."""


class Detector(NetworkDescription):
    """RetinaNet (Lin et al. 2017, arXiv 1708.02002).

    The maps of the backbone's last three stages become the levels P3 to P5 of a feature pyramid (Lin et al. 2017,
    arXiv 1612.03144); P6 and P7 are made from P5, each at half the resolution of the one before. Two heads, one for
    classes and one for boxes, are shared by the levels.
    """

    task: ClassVar[str] = DETECTION.name

    backbone: Architecture
    """A network of bottleneck or basic blocks, without its classifier; its image is the detector's input, by default
    640 x 640 pixels."""
    operator: AnyOperator = Conv()
    """Stands for every 3x3 convolution of the pyramid and the heads. Where it is no convolution, a 1x1 convolution
    ends each head."""
    pyramid_width: Positive = 256
    """Channels of every level, and of the heads."""
    head_depth: Positive = 4
    """Operators of a head before the last one."""
    anchor_scales: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (1.0, 2.0**0.5)
    """Sides of the square anchors, in units of four times the level's stride."""
    anchor_ratios: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (0.5, 1.0, 2.0)
    """Height over width of the anchors of each scale."""
    num_classes: Positive = 90

    @field_validator("backbone", mode="before")
    @classmethod
    def _default_image(cls, backbone: Any) -> Any:
        if isinstance(backbone, dict) and "image" not in backbone:
            return {**backbone, "image": {"height": IMAGE_SIZE, "width": IMAGE_SIZE}}
        return backbone

    @model_validator(mode="after")
    def _parts_fit(self) -> "Detector":
        try:
            _check_backbone(self.backbone)
            _check_operator(self.operator, self.pyramid_width)
        except Misfit as misfit:
            raise PydanticCustomError(
                "misfit", "{message}", {"field": misfit.field, "message": str(misfit)}
            ) from misfit
        return self

    @property
    def num_anchors(self) -> int:
        """Anchors at every place of a level."""
        return len(self.anchor_scales) * len(self.anchor_ratios)

    @property
    def trunk(self) -> Architecture:
        """The backbone."""
        return self.backbone


def load_detector(path: str | Path) -> Detector:
    """Return the detector that a JSON or YAML file describes.

    Raises:
        DescriptionError: If the file cannot be read or does not describe a detector.
    """
    network = load_network(path)
    if not isinstance(network, Detector):
        raise DescriptionError(f"{path}: describes a {TASKS[network.task].network}, where a detector is needed")
    return network


def fitted_detector(detector: Detector, *, num_classes: int, image_size: int | None = None) -> Detector:
    """Return `detector` for other classes and, where a size is given, for square images of it.

    Args:
        detector: The detector to fit.
        num_classes: Number of classes of objects.
        image_size: Height and width of the input in pixels.
    """
    backbone = detector.backbone
    if image_size is not None:
        image = backbone.image.model_copy(update={"height": image_size, "width": image_size})
        backbone = backbone.model_copy(update={"image": image})
    return detector.model_copy(update={"backbone": backbone, "num_classes": num_classes})


def _check_backbone(backbone: Architecture) -> None:
    if not BLOCKS[backbone.block].activated:
        able = " or ".join(name for name, block in BLOCKS.items() if block.activated)
        raise Misfit("backbone.block", f"a detector cannot stand on {backbone.block} blocks, only on {able} ones")
    if len(backbone.stages) < 4:
        raise Misfit("backbone.stages", f"a detector needs four stages or more, not {len(backbone.stages)}")
    if backbone.image.channels != 3:
        raise Misfit("backbone.image.channels", f"a detector reads red, green and blue, not {backbone.image.channels}")
    # the classifier and what stands before it are left out of a detector: to set them would change nothing
    for field in ("head_width", "num_classes"):
        value = getattr(backbone, field)
        if value != Architecture.model_fields[field].default:
            raise Misfit(f"backbone.{field}", f"{field}={value} has no meaning in a detector's backbone; leave it out")


def _check_operator(operator: Operator, width: int) -> None:
    try:
        operator.check_width(width)
    except Misfit as misfit:
        raise Misfit(f"operator.{misfit.field}", str(misfit)) from misfit
