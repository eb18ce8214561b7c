"""Average precision, where it can be computed by hand."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from coco_shapes import write_shapes

from sasa_nas.detection.data.boxes import Category
from sasa_nas.detection.data.coco import load_coco
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network import build_detector
from sasa_nas.detection.training.average_precision import (
    AveragePrecision,
    Detections,
    average_precision,
    detect,
    evaluate_detector,
)

CATEGORIES = (Category(4, "cat"), Category(9, "dog"))
CPU = torch.device("cpu")


def truth(*boxes: tuple[int, int, list[float]], crowds: tuple[int, ...] = ()) -> dict[str, Any]:
    """COCO's format of (image, category, [left, top, width, height])."""
    return {
        "images": [{"id": number, "height": 100, "width": 100} for number in (1, 2)],
        "annotations": [
            {
                "id": i,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": int(i in crowds),
            }
            for i, (image, category, box) in enumerate(boxes, start=1)
        ],
        "categories": [{"id": category.id, "name": category.name} for category in CATEGORIES],
    }


def found(*answers: tuple[list[float], float, int]) -> Detections:
    """Of ([left, top, right, bottom], score, label)."""
    boxes = torch.tensor([box for box, _, _ in answers]).view(-1, 4)
    return Detections(
        boxes,
        torch.tensor([score for _, score, _ in answers]),
        torch.tensor([label for _, _, label in answers], dtype=torch.int64),
    )


def assert_is(precision: AveragePrecision, ap: float, ap50: float) -> None:
    # pycocotools divides by a count and a little more
    assert (precision.ap, precision.ap50) == pytest.approx((ap, ap50), abs=1e-9)


CAT = (1, 4, [10.0, 10.0, 20.0, 20.0])
CAT_CORNERS = [10.0, 10.0, 30.0, 30.0]


def test_what_is_there_is_found() -> None:
    dog = (2, 9, [50.0, 40.0, 10.0, 30.0])
    answers = [(1, found((CAT_CORNERS, 0.9, 0))), (2, found(([50.0, 40.0, 60.0, 70.0], 0.4, 1)))]
    assert_is(average_precision(truth(CAT, dog), answers, CATEGORIES), 1.0, 1.0)


def test_of_two_categories_one_is_found() -> None:
    dog = (2, 9, [50.0, 40.0, 10.0, 30.0])
    precision = average_precision(truth(CAT, dog), [(1, found((CAT_CORNERS, 0.9, 0)))], CATEGORIES)
    assert_is(precision, 0.5, 0.5)


@pytest.mark.parametrize(("width", "thresholds"), [(11.0, 2), (13.0, 4), (19.5, 10), (9.5, 0)])
def test_a_box_counts_from_its_overlap_on(width: float, thresholds: int) -> None:
    """A box of the same height and left side overlaps by width / 20: 0.55, 0.65, 0.975, 0.475."""
    answer = found(([10.0, 10.0, 10.0 + width, 30.0], 0.9, 0))
    precision = average_precision(truth(CAT), [(1, answer)], CATEGORIES)
    assert_is(precision, thresholds / 10, 1.0 if thresholds else 0.0)


def test_a_surer_mistake_halves_the_precision() -> None:
    answer = found(([60.0, 60.0, 90.0, 90.0], 0.95, 0), (CAT_CORNERS, 0.9, 0))
    assert_is(average_precision(truth(CAT), [(1, answer)], CATEGORIES), 0.5, 0.5)


def test_a_less_sure_mistake_costs_nothing() -> None:
    answer = found((CAT_CORNERS, 0.9, 0), ([60.0, 60.0, 90.0, 90.0], 0.85, 0))
    assert_is(average_precision(truth(CAT), [(1, answer)], CATEGORIES), 1.0, 1.0)


def test_half_the_recall_is_half_the_area_under_the_curve() -> None:
    other = (2, 4, [50.0, 40.0, 10.0, 30.0])
    precision = average_precision(truth(CAT, other), [(1, found((CAT_CORNERS, 0.9, 0)))], CATEGORIES)
    # of the 101 recalls at which COCO looks, 0, 0.01, ..., 0.5 are reached
    assert precision.ap == pytest.approx(51 / 101)


def test_the_category_counts() -> None:
    precision = average_precision(truth(CAT), [(1, found((CAT_CORNERS, 0.9, 1)))], CATEGORIES)
    assert_is(precision, 0.0, 0.0)


def test_what_is_found_in_a_crowd_is_no_mistake() -> None:
    crowd = (1, 4, [50.0, 50.0, 40.0, 40.0])
    answer = found(([60.0, 60.0, 80.0, 80.0], 0.95, 0), (CAT_CORNERS, 0.9, 0))
    precision = average_precision(truth(CAT, crowd, crowds=(2,)), [(1, answer)], CATEGORIES)
    assert_is(precision, 1.0, 1.0)


def test_nothing_found_is_no_precision() -> None:
    assert_is(average_precision(truth(CAT), [(1, found())], CATEGORIES), 0.0, 0.0)
    assert_is(average_precision(truth(CAT), [], CATEGORIES), 0.0, 0.0)


def test_nothing_is_printed_and_the_truth_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    there = truth(CAT)
    before = copy.deepcopy(there)
    average_precision(there, [(1, found((CAT_CORNERS, 0.9, 0)))], CATEGORIES)
    assert there == before
    assert capsys.readouterr() == ("", "")


def small_detector() -> Detector:
    stages = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]
    backbone = {"block": "basic", "stages": stages, "image": {"height": 48, "width": 64}}
    return Detector.model_validate({"backbone": backbone, "pyramid_width": 8, "head_depth": 1, "num_classes": 3})


def test_a_network_is_measured_and_left_as_it_was(tmp_path: Path) -> None:
    splits = load_coco(f"coco:{write_shapes(tmp_path / 'shapes', train=1, validation=5, size=(48, 64))}")
    torch.manual_seed(0)
    network = build_detector(small_detector()).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    results = {
        size: evaluate_detector(network, splits.validation, splits.categories, batch_size=size, device=CPU)
        for size in (2, 5)
    }
    # fresh heads give every anchor the same 1 %, below the threshold of what is told
    assert results[2] == results[5] == AveragePrecision(0.0, 0.0)
    assert network.training
    assert every(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_detections_come_in_order_and_in_the_images_pixels() -> None:
    torch.manual_seed(0)
    network = build_detector(small_detector())
    torch.nn.init.normal_(network.head.classification_head.cls_logits.weight)
    torch.nn.init.zeros_(network.head.classification_head.cls_logits.bias)
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in ((48, 64), (200, 20))]
    answers = detect(network, images, CPU)
    assert network.training
    for image, answer in zip(images, answers, strict=True):
        assert 0 < len(answer.boxes) <= 100
        assert answer.scores.tolist() == sorted(answer.scores.tolist(), reverse=True)
        assert answer.boxes.min() >= 0
        assert (answer.boxes[:, 2:].amax(0) <= torch.tensor([image.shape[2], image.shape[1]])).all()
        assert set(answer.labels.tolist()) <= {0, 1, 2}
