"""The one way from a `Detector` to a module."""

from collections.abc import Mapping
from typing import Self

from torch import Tensor, nn
from torchvision.models.detection import RetinaNet

from sasa_nas.detection.description import Detector
from sasa_nas.detection.layers.pyramid import PyramidBackbone, Trunk
from sasa_nas.detection.network.anchors import LevelAnchors
from sasa_nas.detection.network.heads import SharedHeads
from sasa_nas.detection.network.letterbox import Letterbox
from sasa_nas.detection.network.plan import plan_pyramid
from sasa_nas.detection.network.pyramid import build_pyramid
from sasa_nas.errors import UserError
from sasa_nas.models.builder import build

DETECTIONS = 100
"""Boxes of an image, at most: as many as COCO's average precision looks at."""


class DetectionNetwork(RetinaNet):  # type: ignore[misc]
    """A RetinaNet of torchvision's with the `detector` that it was built from.

    It takes a list of images `(3, h, w)` of any size, float32 in [0, 1]. In training mode it also takes their
    targets (`boxes`, `(N, 4)`, and `labels`, `(N,)`) and gives the losses `classification` and `bbox_regression`; in
    evaluation mode it gives `boxes`, `scores` and `labels` for every image, in that image's own pixels. Boxes are
    left, top, right and bottom; labels run from 0, and there is none for the background.

    Batch norms train like all else, until `freeze_norms` is called.

    Args:
        detector: Description of the detector.
    """

    _norms_frozen = False

    def __init__(self, detector: Detector) -> None:
        image = detector.backbone.image
        super().__init__(
            _backbone(detector),
            detector.num_classes,
            anchor_generator=LevelAnchors(detector),
            head=SharedHeads(detector, plan_pyramid(detector).levels[0].size),
            detections_per_img=DETECTIONS,
        )
        self.detector = detector
        self.transform = Letterbox((image.height, image.width))

    def freeze_norms(self) -> None:
        """Freeze the backbone's batch norms: statistics, scales and shifts.

        For weights trained before, on larger batches than fit into a detector's training.
        """
        self._norms_frozen = True
        self.train(self.training)
        for norm in self._backbone_norms():
            norm.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set training mode for all but frozen norms."""
        super().train(mode)
        if self._norms_frozen:
            for norm in self._backbone_norms():
                norm.eval()
        return self

    def _backbone_norms(self) -> list[nn.Module]:
        return [module for module in self.backbone.body.modules() if isinstance(module, nn.BatchNorm2d)]


def _backbone(detector: Detector) -> PyramidBackbone:
    network = build(detector.backbone)
    return PyramidBackbone(Trunk(network.stem, network.stages), build_pyramid(detector), detector.pyramid_width)


def build_detector(detector: Detector) -> DetectionNetwork:
    """Build the network that `detector` describes, initialised from torch's random state.

    Build it under `torch.device("meta")` to have its shapes without its weights.
    """
    return DetectionNetwork(detector)


def load_backbone(network: DetectionNetwork, weights: Mapping[str, Tensor]) -> None:
    """Load the stem and the stages of a trained classifier, by name, and freeze the norms.

    Args:
        network: Detector whose backbone is loaded.
        weights: The classifier's state, as `sasa-nas train` writes it.

    Raises:
        UserError: As `check_backbone`; `network` is left as it was.
    """
    check_backbone(network, weights)
    body = network.backbone.body
    body.load_state_dict({name: weights[name] for name in body.state_dict()})
    network.freeze_norms()


def check_backbone(network: DetectionNetwork, weights: Mapping[str, Tensor]) -> None:
    """Check that `load_backbone` can use `weights`; the network may be on the meta device.

    Raises:
        UserError: If the weights are not those of the detector's backbone.
    """
    for name, tensor in network.backbone.body.state_dict().items():
        if name not in weights:
            raise UserError(f"the backbone's weights lack {name}; give the weights of the same network")
        if weights[name].shape != tensor.shape:
            raise UserError(
                f"the backbone's weights have {name} of {tuple(weights[name].shape)}, and it must be "
                f"{tuple(tensor.shape)}; give the weights of the same network for the same size of image"
            )
