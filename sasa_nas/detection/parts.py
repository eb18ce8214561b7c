"""Structure and cost of a detector, part by part."""

from sasa_nas.analysis.description import Description, PartDescription
from sasa_nas.analysis.parts import describe_part, describe_trunk, map_description, with_image_size
from sasa_nas.cost import Convention
from sasa_nas.detection.cost import count_detector
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network.plan import plan_pyramid


class DetectorDescription(Description):
    """The data printed by `sasa-nas describe --json` for a detector, with the stages of its backbone.

    Attributes:
        pyramid: The feature pyramid; its output is the finest level.
        heads: The heads, on all levels; their output is what they say at each place of the finest level.
    """

    pyramid: PartDescription
    heads: PartDescription

    @property
    def after_stages(self) -> dict[str, PartDescription]:
        """Pyramid and heads."""
        return {"pyramid": self.pyramid, "heads": self.heads}


def describe_detector(
    detector: Detector, *, name: str, image_size: int | None, convention: Convention
) -> DetectorDescription:
    """Count a detector part by part; see `analysis.description.describe`."""
    if image_size is not None:
        detector = Detector(**{**dict(detector), "backbone": with_image_size(detector.backbone, image_size)})
    counts = count_detector(detector)
    finest = plan_pyramid(detector).levels[0]
    answers = detector.num_anchors * (detector.num_classes + 4)
    kind = detector.operator.kind
    trunk = describe_trunk(detector.backbone, counts, name, convention)
    own = {
        "architecture_id": detector.id,
        "num_classes": detector.num_classes,
        "pyramid": describe_part(
            kind, map_description(finest.channels, finest.size), counts.parts["pyramid"], convention
        ),
        "heads": describe_part(kind, map_description(answers, finest.size), counts.parts["heads"], convention),
    }
    return DetectorDescription(**{**dict(trunk), **own})
