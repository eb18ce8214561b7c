"""Whole detectors: against torch's own counter, the papers' figures, and the modules that are really built."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.cost import Counts, Macs, count_module, count_network
from sasa_nas.detection.cost import count_detector
from sasa_nas.detection.description import Detector
from sasa_nas.detection.named import model_detector
from sasa_nas.detection.network import build_detector
from sasa_nas.space import Image, overridden

# Ramachandran et al. 2019, Table 2: backbones of convolutions, of attention, and of attention alone.
GFLOPS = {"retinanet_resnet50": 182, "retinanet_sasa_resnet50": 173, "retinanet_sasa_full_resnet50": 173}


@pytest.mark.parametrize(("name", "gflops"), [*GFLOPS.items(), ("retinanet_resnet101", 243)])
def test_the_papers_gflops(name: str, gflops: float) -> None:
    assert count_detector(model_detector(name)).total.flops() / 1e9 == pytest.approx(gflops, rel=0.02)


def test_the_baselines_parameters() -> None:
    assert count_detector(model_detector("retinanet_resnet50")).total.params == 33_397_364


@pytest.mark.parametrize("size", [(640, 640), (333, 200)])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_convolutions_count_as_torch_counts_them(size: tuple[int, int], kernel_size: int) -> None:
    detector = overridden(model_detector("retinanet_resnet50"), [f"operator.kernel_size={kernel_size}"])
    image = Image(height=size[0], width=size[1])
    detector = detector.model_copy(update={"backbone": detector.backbone.model_copy(update={"image": image})})
    with torch.device("meta"):
        network = build_detector(detector).eval()
        images = torch.empty(1, 3, *size)
    with FlopCounterMode(display=False, depth=4) as counter, torch.no_grad():
        levels = network.backbone(images)
        network.head(list(levels.values()))
    counts = count_detector(detector)
    assert counts.total.flops() == counter.get_total_flops()
    theirs = {name: sum(flops.values()) for name, flops in counter.get_flop_counts().items()}
    assert counts.parts["pyramid"].flops() == theirs["PyramidBackbone.fpn"]
    assert counts.parts["heads"].flops() == theirs["SharedHeads"]
    assert sum(p.numel() for p in network.parameters()) == counts.total.params


@pytest.mark.parametrize("name", ["retinanet_attention_sasa_resnet50", "retinanet_attention_aa_resnet101"])
def test_counts_are_those_of_the_network_that_is_built(name: str) -> None:
    detector = model_detector(name)
    with torch.device("meta"):
        network = build_detector(detector).eval()
        images = torch.empty(1, 3, 640, 640)
        levels = network.backbone(images)
        whole = count_module(network.backbone, images) + count_module(network.head, list(levels.values()))
    counts = count_detector(detector)
    assert counts.total == whole == sum(counts.parts.values(), Counts())
    assert list(counts.parts) == ["stem", *(f"stages[{i}]" for i in range(4)), "pyramid", "heads"]


def test_the_backbone_counts_as_the_classifier_does() -> None:
    detector = model_detector("retinanet_aa_resnet50")
    parts = count_network(detector.backbone).parts
    counted = count_detector(detector).parts
    for name in ("stem", "stages[0]", "stages[3]"):
        assert counted[name] == parts[name]


def test_attention_on_all_levels_by_hand() -> None:
    """Three projections, and three products of a pixel with each of the 49 in its window; outputs pointwise."""
    counts = count_detector(model_detector("retinanet_attention_resnet50"))
    places = [side**2 for side in (80, 40, 20, 10, 5)]
    products = 49 * 256 * (10 * sum(places))
    heads = counts.parts["heads"].macs
    assert heads == Macs(
        conv_linear=(10 * 3 * 256**2 + 256 * 6 * (90 + 4)) * sum(places), qk=products, qr=products, av=products
    )
    # P6 and P7 attend on the map before them, whose average they pool
    attended = sum(places[:3]) + places[2] + places[3]
    pyramid = counts.parts["pyramid"].macs
    assert pyramid.av == 49 * 256 * attended
    laterals = 256 * (512 * places[0] + 1024 * places[1] + 2048 * places[2])
    assert pyramid.conv_linear == 3 * 256**2 * attended + laterals


def test_elementwise_work_between_the_layers() -> None:
    backbone: dict[str, Any] = {
        "block": "basic",
        "stages": [{"blocks": 1, "width": 8, "stride": 2}] * 4,
        "image": {"height": 64, "width": 64},
    }
    detector = Detector.model_validate({"backbone": backbone, "pyramid_width": 4, "head_depth": 3, "num_classes": 5})
    counts = count_detector(detector)
    # strides 16, 32, 64, and two halvings of a map of one place
    places = [4**2, 2**2, 1, 1, 1]
    assert counts.parts["pyramid"].elementwise.relu == 4 * places[3]
    assert counts.parts["heads"].elementwise.relu == 2 * 3 * 4 * sum(places)
    biases = 2 * 3 * 4 + 6 * (5 + 4)
    assert counts.parts["heads"].elementwise.conv_bias == biases * sum(places)
