"""Boxes: anchors at the cells of maps, offsets from them, and the suppression of duplicates.

A box is left, top, right and bottom, in pixels.
"""

import math

import torch
from torch import Tensor

Cell = tuple[tuple[float, float, float, float], ...]
"""The anchors at one cell of a map, around the origin."""

LARGEST_GROWTH = math.log(1000 / 16)
"""Most that an offset can enlarge an anchor's side by, as a logarithm."""


def anchors_at_cell(side: float, scales: tuple[float, ...], ratios: tuple[float, ...]) -> Cell:
    """Return the anchors of one level around the origin, in whole pixels; scales vary faster than ratios.

    Args:
        side: Side of a square anchor of scale 1, in pixels.
        scales: Sides of anchors in units of `side`.
        ratios: Height over width of the anchors of each scale.
    """
    # on the CPU even where networks are built without memory, and in float32, as torchvision rounds them
    sides = torch.tensor([side * scale for scale in scales], dtype=torch.float32, device="cpu")
    tall = torch.tensor(ratios, dtype=torch.float32, device="cpu").sqrt()
    heights, widths = torch.outer(tall, sides).flatten(), torch.outer(1 / tall, sides).flatten()
    boxes = (torch.stack((-widths, -heights, widths, heights), dim=1) / 2).round()
    return tuple((left, top, right, bottom) for left, top, right, bottom in boxes.tolist())


def anchors_of_map(cell: Cell, height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Return the anchors of a map, `(height * width * A, 4)` in float32, cell by cell in rows.

    Args:
        cell: The `A` anchors at one cell.
        height: Rows of the map.
        width: Columns of the map.
        stride: Pixels of the image per cell.
        device: Device of the result.
    """
    rows = torch.arange(height, dtype=torch.float32, device=device).mul(stride).view(-1, 1, 1).expand(-1, width, 1)
    columns = torch.arange(width, dtype=torch.float32, device=device).mul(stride).view(1, -1, 1).expand(height, -1, 1)
    edges = [torch.cat([place + box[i] for box in cell], dim=2) for i, place in enumerate((columns, rows) * 2)]
    return torch.stack(edges, dim=3).view(-1, 4)


def decoded(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Return the boxes that offsets make of anchors (Girshick et al. 2013, arXiv 1311.2524, appendix C).

    Args:
        offsets: `(B, A, 4)`: shifts of the centre to the right and down in units of the anchor's width and height, and
            the logarithms of the factors by which these grow.
        anchors: `(A, 4)`.
    """
    left, top, right, bottom = anchors.unbind(-1)
    width, height = right - left, bottom - top
    dx, dy, growth_x, growth_y = offsets.unbind(-1)
    x, y = dx * width + (left + 0.5 * width), dy * height + (top + 0.5 * height)
    half_width = 0.5 * (growth_x.clamp(max=LARGEST_GROWTH).exp() * width)
    half_height = 0.5 * (growth_y.clamp(max=LARGEST_GROWTH).exp() * height)
    return torch.stack((x - half_width, y - half_height, x + half_width, y + half_height), dim=-1)


def clipped(boxes: Tensor, height: float, width: float) -> Tensor:
    """Return boxes `(..., 4)`, cut at the edges of an image of this height and width."""
    left, top, right, bottom = boxes.unbind(-1)
    edges = (left.clamp(0, width), top.clamp(0, height), right.clamp(0, width), bottom.clamp(0, height))
    return torch.stack(edges, dim=-1)


def without_duplicates(boxes: Tensor, scores: Tensor, labels: Tensor, *, threshold: float, most: int) -> Tensor:
    """Return the places of boxes that no better box of the same class overlaps, the best first.

    It is `torchvision.ops.batched_nms`, ended after `most` boxes.

    Args:
        boxes: `(N, 4)`.
        scores: `(N,)`.
        labels: `(N,)`: the classes.
        threshold: Largest overlap of two boxes of a class that are both kept: intersection over union.
        most: Number of places at most.
    """
    order = scores.argsort(descending=True, stable=True)
    left, top, right, bottom = boxes[order].unbind(1)
    areas, labels = (right - left) * (bottom - top), labels[order]
    waiting = torch.ones_like(order, dtype=torch.bool)
    kept: list[int] = []
    while len(kept) < most and waiting.any():
        i = int(waiting.to(torch.uint8).argmax())
        kept.append(i)
        across = (right.minimum(right[i]) - left.maximum(left[i])).clamp(min=0)
        down = (bottom.minimum(bottom[i]) - top.maximum(top[i])).clamp(min=0)
        overlap = across * down / (areas + areas[i] - across * down)
        waiting &= ~((overlap > threshold) & (labels == labels[i]))
        # an empty box overlaps nothing, itself included
        waiting[i] = False
    return order[kept]
