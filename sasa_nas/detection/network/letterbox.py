"""Images of any size, made to fit the one size that a detector is built for."""

import torch
from torch import Tensor
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes

from sasa_nas.blocks.plans import Size
from sasa_nas.detection.layers.letterbox import fitted_size, padded, resized

PIXEL_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's red, green and blue in [0, 1], which is subtracted from a pixel."""
PIXEL_STD = (0.229, 0.224, 0.225)
"""Their standard deviation, by which it is divided afterwards."""


class Letterbox(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Standardises images, scales each to fit without changing its shape, and fills the rest with the mean colour.

    Boxes are scaled along and, in `postprocess`, back to the image that was given.

    Args:
        size: Height and width that every batch gets, in pixels.
    """

    def __init__(self, size: Size) -> None:
        super().__init__(min(size), max(size), list(PIXEL_MEAN), list(PIXEL_STD))
        self.size = size

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Scales an image `(3, h, w)` and its boxes, the smaller of the two possible ways."""
        old = image.shape[-2:]
        new = fitted_size((old[0], old[1]), self.size)
        if target is not None:
            target = {**target, "boxes": resize_boxes(target["boxes"], list(old), list(new))}
        return resized(image, new), target

    def batch_images(self, images: list[Tensor], size_divisible: int = 1) -> Tensor:
        """Images at the upper left of `(B, 3, height, width)`, zeros elsewhere; there is nothing to round up."""
        return torch.stack([padded(image, self.size) for image in images])
