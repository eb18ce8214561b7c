"""Batches of boxed images: every image once, mirrored with its boxes, the same whatever ran before."""

import threading
from pathlib import Path

import pytest
import torch
from assertions import every
from coco_shapes import write_shapes
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.detection.data.batches import BoxBatches, in_order
from sasa_nas.detection.data.boxes import BoxedSet, flip_boxes
from sasa_nas.detection.data.coco import load_coco
from sasa_nas.errors import UserError


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> BoxedSet:
    path = write_shapes(tmp_path_factory.mktemp("coco") / "shapes", train=7, validation=1, size=(24, 40))
    return load_coco(f"coco:{path}").train


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2, 2]), (7, [7]), (20, [7])])
def test_an_epoch_holds_every_image_once_but_the_remainder(shapes: BoxedSet, batch_size: int, sizes: list[int]) -> None:
    batches = BoxBatches(shapes, batch_size=batch_size, seed=0, flip=True)
    read = list(batches.epoch(0))
    assert [len(batch) for batch in read] == sizes
    assert len(batches) == len(sizes)
    ids = [example.source.id for batch in read for example in batch]
    assert len(set(ids)) == len(ids)


def test_images_are_mirrored_together_with_their_boxes(shapes: BoxedSet) -> None:
    batches = BoxBatches(shapes, batch_size=7, seed=0, flip=True)
    mirrored = 0
    for epoch in range(4):
        for example in next(batches.epoch(epoch)):
            pixels = example.source.read()
            if torch.equal(example.pixels, pixels):
                assert torch.equal(example.boxes, example.source.boxes)
            else:
                mirrored += 1
                assert torch.equal(example.pixels, pixels.flip(2))
                for box, before in zip(example.boxes.int(), example.source.boxes.int(), strict=True):
                    # a shape's pixels stand in the mirrored box as in the box before
                    left, top, right, bottom = box.tolist()
                    was_left, _, was_right, _ = before.tolist()
                    inside = example.pixels[:, top:bottom, left:right]
                    assert torch.equal(inside.flip(2), pixels[:, top:bottom, was_left:was_right])
            assert torch.equal(example.labels, example.source.labels)
    assert 7 < mirrored < 21


def test_without_the_augmentation_nothing_is_mirrored(shapes: BoxedSet) -> None:
    batch = next(BoxBatches(shapes, batch_size=7, seed=0, flip=False).epoch(0))
    assert every(torch.equal(example.pixels, example.source.read()) for example in batch)


def test_an_epoch_depends_on_seed_and_number_alone(shapes: BoxedSet) -> None:
    def order(seed: int, epochs: list[int], *, flip: bool = True) -> list[int]:
        batches = BoxBatches(shapes, batch_size=7, seed=seed, flip=flip)
        return [example.source.id for example in [list(batches.epoch(i)) for i in epochs][-1][0]]

    assert order(0, [3]) == order(0, [0, 1, 3]) == order(0, [3], flip=False)
    assert len({tuple(order(seed, [epoch])) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_all_images_in_order(shapes: BoxedSet) -> None:
    batches = list(in_order(shapes, batch_size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert [example.source for batch in batches for example in batch] == list(shapes.images)


def test_leaving_early_ends_the_threads(shapes: BoxedSet) -> None:
    before = threading.active_count()
    batches = in_order(shapes, batch_size=1)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_damaged_image_is_named_when_its_turn_comes(tmp_path: Path) -> None:
    path = write_shapes(tmp_path / "shapes", train=3, validation=1, size=(24, 40))
    data = load_coco(f"coco:{path}").train
    data.images[1].path.write_bytes(b"")
    with pytest.raises(UserError, match=r"000002\.png"):
        list(in_order(data, batch_size=2))


def test_no_images_or_no_batch_is_no_training(shapes: BoxedSet) -> None:
    with pytest.raises(ValueError, match="at least one image"):
        BoxBatches(BoxedSet((), {}), batch_size=1, seed=0, flip=False)
    with pytest.raises(ValueError, match="batch_size"):
        BoxBatches(shapes, batch_size=0, seed=0, flip=False)


@given(width=st.integers(1, 50), edges=st.lists(st.integers(0, 50), min_size=2, max_size=2))
def test_mirroring_twice_changes_nothing(width: int, edges: list[int]) -> None:
    left, right = sorted(edge % (width + 1) for edge in edges)
    box = torch.tensor([[left, 3.0, right, 9.0]])
    once = flip_boxes(box, width)
    assert once.tolist() == [[width - right, 3.0, width - left, 9.0]]
    assert torch.equal(flip_boxes(once, width), box)
