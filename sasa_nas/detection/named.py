"""Named detectors: `retinanet_<network>`, and `retinanet_attention_<network>` with attention in pyramid and heads too.

The networks are ResNets of convolutions, of stand-alone attention behind either stem, and of augmented
convolutions, for images of 640 x 640 pixels and the 90 numbers that COCO's categories take.
"""

from collections.abc import Callable
from functools import partial

from sasa_nas.detection.description import IMAGE_SIZE, Detector
from sasa_nas.errors import UserError
from sasa_nas.models.families import aa_resnet, resnet, sasa_resnet
from sasa_nas.models.registry import unknown_name
from sasa_nas.operators import Operator
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space.architecture import Architecture, Image

_NECKS: dict[str, Operator] = {"retinanet": Conv(), "retinanet_attention": LocalAttention(kernel_size=7, num_heads=8)}
"""Operators in the place of the 3x3 convolutions of pyramid and heads (Ramachandran et al. 2019, Table 2)."""

_BACKBONES: dict[str, Callable[[int], Architecture]] = {
    "resnet": resnet,
    "sasa_resnet": partial(sasa_resnet, attention_stem=False),
    "sasa_full_resnet": partial(sasa_resnet, attention_stem=True),
    "aa_resnet": aa_resnet,
}
_DEPTHS = (50, 101)


def _detector(family: str, depth: int, operator: Operator) -> Detector:
    image = Image(height=IMAGE_SIZE, width=IMAGE_SIZE)
    backbone = _BACKBONES[family](depth).model_copy(update={"image": image})
    return Detector(backbone=backbone, operator=operator)


DETECTORS: dict[str, Callable[[], Detector]] = {
    f"{neck}_{family}{depth}": partial(_detector, family, depth, operator)
    for neck, operator in _NECKS.items()
    for family in _BACKBONES
    for depth in _DEPTHS
}
"""Every named detector: functions that return its description."""


def model_detector(name: str) -> Detector:
    """Return the detector called `name`.

    Raises:
        UserError: If there is none of that name.
    """
    if name not in DETECTORS:
        raise UserError(unknown_name(name, DETECTORS))
    return DETECTORS[name]()


def list_detectors() -> list[str]:
    """Return the names of all named detectors, in alphabetical order."""
    return sorted(DETECTORS)
