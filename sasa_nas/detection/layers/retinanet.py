"""RetinaNet for inference, in torch alone."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sasa_nas.detection.layers.boxes import anchors_at_cell, anchors_of_map, clipped, decoded, without_duplicates
from sasa_nas.detection.layers.heads import LevelHeads
from sasa_nas.detection.layers.letterbox import fitted_size, padded, resized
from sasa_nas.detection.layers.pyramid import PyramidBackbone


class Detections(NamedTuple):
    """The objects in one image, the surest first.

    Attributes:
        boxes: (N, 4), float32: left, top, right and bottom in the image's pixels.
        scores: (N,), float32, in [0, 1].
        labels: (N,), int64: index of each object's class.
        names: Name of each object's class; its label as text if the names are not known.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    names: tuple[str, ...]


class RetinaNet(nn.Module):
    """A RetinaNet (Lin et al. 2017, arXiv 1708.02002) for inference.

    Args:
        backbone: Trunk and feature pyramid.
        head: The heads that all levels share.
        num_classes: Number of classes.
        image_size: Height and width of the network's images in pixels.
        strides: Pixels of the image per cell of each level.
        anchor_sides: Side of each level's square anchor of scale 1, in pixels.
        anchor_scales: Sides of anchors in units of that.
        anchor_ratios: Height over width of the anchors of each scale.
        mean: Mean of each channel of pixels in [0, 1], which is subtracted.
        std: Standard deviation of each channel, which they are divided by.
        score_threshold: Objects with a score up to this are left out, in [0, 1].
        nms_threshold: Largest overlap of two objects of a class, as intersection over union.
        candidates: Boxes of each level, at most, before duplicates are suppressed.
        detections: Objects of an image, at most.

    Attributes:
        class_names: Names of the classes by label; empty if unknown.
    """

    def __init__(
        self,
        backbone: PyramidBackbone,
        head: LevelHeads,
        num_classes: int,
        *,
        image_size: tuple[int, int],
        strides: tuple[int, ...],
        anchor_sides: tuple[float, ...],
        anchor_scales: tuple[float, ...],
        anchor_ratios: tuple[float, ...],
        mean: tuple[float, ...],
        std: tuple[float, ...],
        score_threshold: float,
        nms_threshold: float,
        candidates: int,
        detections: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.num_classes = num_classes
        self.image_size = image_size
        self.strides = strides
        self.anchor_sides = anchor_sides
        self.anchor_scales = anchor_scales
        self.anchor_ratios = anchor_ratios
        self.mean = mean
        self.std = std
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        self.candidates = candidates
        self.detections = detections
        self.class_names: tuple[str, ...] = ()
        self._cells = [anchors_at_cell(side, anchor_scales, anchor_ratios) for side in anchor_sides]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Map standardised images, as `letterbox` makes them, to a box and scores for every anchor.

        Args:
            images: `(B, 3, H, W)`.

        Returns:
            Boxes `(B, A, 4)`, inside the images; scores `(B, A, num_classes)`; and, for each level, the heads' logits
            `(B, A_level, num_classes)` and offsets `(B, A_level, 4)`. The anchors are those of all levels in their
            order. Duplicates are not suppressed.
        """
        levels = tuple(self.backbone(images).values())
        logits, offsets = self.head(levels)
        maps = zip(self._cells, levels, self.strides, strict=True)
        anchors = torch.cat(
            [anchors_of_map(cell, x.shape[2], x.shape[3], stride, x.device) for cell, x, stride in maps]
        )
        boxes = clipped(decoded(torch.cat(offsets, dim=1), anchors), images.shape[2], images.shape[3])
        return boxes, torch.cat(logits, dim=1).sigmoid(), logits, offsets

    def letterbox(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return an image as the network takes it, and the height and width of the picture in it.

        It is standardised, scaled to fit without changing its shape, and stands at the upper left of zeros.

        Args:
            image: `(3, h, w)` of any size: red, green and blue; uint8, or floats in [0, 1].

        Raises:
            ValueError: If it has another shape, or no pixels.
        """
        if image.dim() != 3 or image.shape[0] != 3 or image.numel() == 0:
            raise ValueError(f"image: expected (3, height, width), got {tuple(image.shape)}")
        pixels = image.float() if image.is_floating_point() else image.to(torch.float32) / 255
        mean, std = (torch.tensor(values, device=image.device).view(3, 1, 1) for values in (self.mean, self.std))
        size = fitted_size((image.shape[1], image.shape[2]), self.image_size)
        return padded(resized((pixels - mean) / std, size), self.image_size), size

    @torch.no_grad()
    def detect(self, image: Tensor, score_threshold: float | None = None) -> Detections:
        """Find the objects in one image, in evaluation mode.

        Args:
            image: See `letterbox`; on the network's device.
            score_threshold: Objects with a score up to this are left out; default: the network's own.
        """
        batch, size = self.letterbox(image)
        boxes, scores, logits, _ = self(batch[None])
        anchors = [level.shape[1] for level in logits]
        return self.select(boxes[0], scores[0], anchors, size, image.shape, score_threshold)

    def select(
        self,
        boxes: Tensor,
        scores: Tensor,
        anchors: list[int],
        size: tuple[int, int],
        image: torch.Size,
        score_threshold: float | None = None,
    ) -> Detections:
        """Choose the objects among the boxes of one image.

        Args:
            boxes: `(A, 4)`, as `forward` returns them for the image.
            scores: `(A, num_classes)`.
            anchors: Number of anchors of each level.
            size: Height and width of the picture in the network's image, as `letterbox` returns it.
            image: Shape of the image as it was given, whose pixels the objects' boxes are in.
            score_threshold: See `detect`.
        """
        least = self.score_threshold if score_threshold is None else score_threshold
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for level_boxes, level_scores in zip(torch.split(boxes, anchors), torch.split(scores, anchors), strict=True):
            flat = level_scores.flatten()
            places = (flat > least).nonzero().squeeze(1)
            best, order = flat[places].topk(min(self.candidates, len(places)))
            places = places[order]
            rows = places.div(self.num_classes, rounding_mode="floor")
            found.append((level_boxes[rows], best, places % self.num_classes))
        chosen, sure, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
        chosen = clipped(chosen, *size)
        kept = without_duplicates(chosen, sure, labels, threshold=self.nms_threshold, most=self.detections)
        down, across = image[-2] / size[0], image[-1] / size[1]
        scaled = chosen[kept] * chosen.new_tensor([across, down, across, down])
        numbers = labels[kept].tolist()
        names = tuple(self.class_names[i] if self.class_names else str(i) for i in numbers)
        return Detections(scaled, sure[kept], labels[kept], names)
