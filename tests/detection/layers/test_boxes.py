"""Anchors, offsets and duplicates, against torchvision's."""

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import batched_nms

from sasa_nas.detection.layers.boxes import anchors_at_cell, anchors_of_map, clipped, decoded, without_duplicates


def boxes(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner, side = torch.rand(count, 2, generator=generator) * 60, torch.rand(count, 2, generator=generator) * 40
    return torch.cat((corner, corner + side), dim=1)


@pytest.mark.parametrize(("scales", "ratios"), [((1.0, 2**0.5), (0.5, 1.0, 2.0)), ((1.5,), (0.3, 2.25))])
def test_anchors_are_torchvisions(scales: tuple[float, ...], ratios: tuple[float, ...]) -> None:
    theirs = AnchorGenerator(sizes=(tuple(36 * scale for scale in scales),), aspect_ratios=(ratios,))
    expected = theirs.grid_anchors([(3, 4)], [[torch.tensor(9), torch.tensor(9)]])[0]
    found = anchors_of_map(anchors_at_cell(36.0, scales, ratios), 3, 4, 9, torch.device("cpu"))
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_offsets_are_torchvisions() -> None:
    anchors, offsets = boxes(50), torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(1))
    # one that would grow beyond all measure
    offsets[0, 0, 2:] = 9.0
    coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
    expected = torch.stack([coder.decode_single(one, anchors) for one in offsets])
    torch.testing.assert_close(decoded(offsets, anchors), expected)


def test_boxes_end_at_the_edges() -> None:
    found = clipped(torch.tensor([[-3.0, 2.0, 50.0, 70.0]]), 40.0, 30.0)
    assert found.tolist() == [[0.0, 2.0, 30.0, 40.0]]


@pytest.mark.parametrize("most", [5, 1000])
def test_duplicates_are_those_of_torchvision(most: int) -> None:
    generator = torch.Generator().manual_seed(2)
    scores, labels = torch.rand(400, generator=generator), torch.randint(3, (400,), generator=generator)
    expected = batched_nms(boxes(400), scores, labels, 0.5)
    assert 100 < len(expected) < 400
    found = without_duplicates(boxes(400), scores, labels, threshold=0.5, most=most)
    assert torch.equal(found, expected[:most])


def test_empty_boxes_and_none_at_all() -> None:
    nothing = without_duplicates(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long(), threshold=0.5, most=9)
    assert (nothing.dtype, nothing.shape) == (torch.int64, (0,))
    empty = torch.tensor([[3.0, 3.0, 3.0, 3.0]] * 2)
    found = without_duplicates(empty, torch.tensor([0.1, 0.2]), torch.zeros(2).long(), threshold=0.5, most=9)
    assert found.tolist() == [1, 0]
