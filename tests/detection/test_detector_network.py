"""Detectors as modules: torchvision's where they are torchvision's, the papers' counts, and how they learn."""

import math
from typing import Any

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import without_effect
from torch import Tensor, nn
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelP6P7

from sasa_nas.detection.description import Detector
from sasa_nas.detection.named import list_detectors, model_detector
from sasa_nas.detection.network import DetectionNetwork, build_detector, load_backbone
from sasa_nas.detection.network.letterbox import PIXEL_MEAN, PIXEL_STD, Letterbox
from sasa_nas.errors import UserError
from sasa_nas.models import build, model_architecture
from sasa_nas.space import Architecture, Stage
from sasa_nas.space.scaling import scaled

STAGES = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]


def tiny(height: int = 64, width: int = 96, **fields: Any) -> Detector:
    backbone = {
        "block": "basic",
        "stem": {"kind": "conv", "width": 8},
        "stages": STAGES,
        "image": {"height": height, "width": width},
    }
    small = {"backbone": backbone, "pyramid_width": 16, "head_depth": 1, "num_classes": 3}
    return Detector.model_validate({**small, **fields})


def seeded(detector: Detector) -> DetectionNetwork:
    torch.manual_seed(0)
    return build_detector(detector)


def pictures(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(3, *size, generator=generator) for size in sizes]


def targets(count: int) -> list[dict[str, Tensor]]:
    boxes = torch.tensor([[4.0, 6.0, 30.0, 40.0], [20.0, 8.0, 60.0, 50.0]])
    return [{"boxes": boxes, "labels": torch.tensor([0, 2])} for _ in range(count)]


# Lin et al. 2017 with six anchors, counted by hand; the others as Ramachandran et al. 2019 (Table 2) and
# Bello et al. 2019 (Table 5) round them.
def test_parameters_of_the_baseline() -> None:
    with torch.device("meta"):
        network = build_detector(model_detector("retinanet_resnet50"))
    assert sum(parameter.numel() for parameter in network.parameters()) == 33_397_364


@pytest.mark.parametrize(
    ("name", "millions"),
    [("retinanet_resnet101", 52.4), ("retinanet_sasa_resnet50", 25.9), ("retinanet_sasa_full_resnet50", 25.9)],
)
def test_parameters_agree_with_the_papers(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = build_detector(model_detector(name))
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_attention_in_pyramid_and_heads_by_hand() -> None:
    """A 3x3 convolution of 256 channels becomes three projections and 2 x 7 x 16 numbers of position."""
    names = ("retinanet_sasa_resnet50", "retinanet_attention_sasa_resnet50")
    with torch.device("meta"):
        conv, attention = (
            sum(parameter.numel() for parameter in build_detector(model_detector(name)).parameters()) for name in names
        )
    layer = 3 * 256**2 + 2 * 7 * 16
    same_width, outputs = 9 * 256**2 + 256, 6 * (90 + 4)
    assert conv - attention == 13 * (same_width - layer) + (9 - 1) * 256 * outputs - 2 * layer


def test_pyramid_and_heads_of_convolutions_are_torchvisions() -> None:
    network = seeded(tiny(pyramid_width=8, head_depth=4))
    pyramid = FeaturePyramidNetwork([8, 8, 8], 8, extra_blocks=LastLevelP6P7(8, 8))
    heads = RetinaNetHead(8, 6, 3)
    pyramid.load_state_dict(network.backbone.fpn.state_dict())
    heads.load_state_dict(network.head.state_dict())
    maps = network.backbone.body(torch.rand(2, 3, 64, 96))
    assert [tuple(found.shape[1:]) for found in maps.values()] == [(8, 8, 12), (8, 4, 6), (8, 2, 3)]
    levels = network.backbone.fpn(maps)
    theirs = pyramid(maps)
    assert list(levels) == list(theirs)
    for name, level in theirs.items():
        torch.testing.assert_close(levels[name], level)
    for name, outputs in heads(list(theirs.values())).items():
        torch.testing.assert_close(network.head(list(levels.values()))[name], outputs)


def test_initial_weights_are_those_of_the_papers() -> None:
    network = seeded(tiny(pyramid_width=64, head_depth=2))
    for module in network.head.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.1)
    logits = network.head([torch.zeros(1, 64, 3, 3)])["cls_logits"]
    torch.testing.assert_close(logits.sigmoid(), torch.full_like(logits, 0.01))
    attention = seeded(tiny(pyramid_width=64, operator={"kind": "local_attention"}))
    values = [*attention.backbone.fpn.layer_blocks, attention.backbone.fpn.extra_blocks.p7, *attention.head.modules()]
    found = [layer.value.weight for part in values for layer in part.modules() if hasattr(layer, "value")]
    assert len(found) >= 8
    for weight in found:
        assert weight.std().item() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("name", list_detectors())
def test_every_named_detector_builds(name: str) -> None:
    detector = model_detector(name)
    image = detector.backbone.image
    assert (image.height, image.width, detector.num_classes, detector.num_anchors) == (640, 640, 90, 6)
    with torch.device("meta"):
        build_detector(detector)


def test_unknown_names_bring_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'retinanet_resnet50'"):
        model_detector("retinanet_resent50")


def assert_learns(detector: Detector, *, still: tuple[str, ...] = ()) -> None:
    network = seeded(detector).train()
    for name, parameter in network.head.named_parameters():
        if name.endswith("weight") and parameter.dim() == 4:
            # the papers' small beginnings would leave nothing but rounding behind several layers
            nn.init.normal_(parameter, std=0.3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.2, 0.6)
    size = detector.backbone.image.height, detector.backbone.image.width
    losses = network(pictures(size, size), targets(2))
    assert set(losses) == {"classification", "bbox_regression"}
    sum(losses.values()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith(still):
            assert parameter.grad.abs().max() > 0, name
    with torch.no_grad():
        found = network.eval()(pictures(size, (40, 30)))
    assert every(set(answer) == {"boxes", "labels", "scores"} for answer in found)


@pytest.mark.parametrize("size", [(160, 160), (192, 136)])
@pytest.mark.parametrize("name", list_detectors())
def test_every_named_detector_learns_at_a_reduced_size(name: str, size: tuple[int, int]) -> None:
    detector = model_detector(name)
    backbone = scaled(detector.backbone, 0.25, 0.01)
    image = backbone.image.model_copy(update={"height": size[0], "width": size[1]})
    update = {
        "backbone": backbone.model_copy(update={"image": image}),
        "pyramid_width": 16,
        "head_depth": 1,
        "num_classes": 3,
    }
    assert_learns(detector.model_copy(update=update))


OPERATORS: list[dict[str, Any]] = [
    {"kind": "conv", "kernel_size": 5},
    {"kind": "local_attention", "kernel_size": 5, "num_heads": 2},
    {"kind": "augmented_conv", "num_heads": 2},
    {"kind": "pairwise", "kernel_size": 3},
    {"kind": "patchwise", "kernel_size": 3},
    {"kind": "global_attention", "num_heads": 2},
]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator["kind"])
def test_any_operator_may_stand_in_pyramid_and_heads(operator: dict[str, Any]) -> None:
    # large enough that P7 has neighbours to attend to
    detector = tiny(140, 200, operator=operator)
    classifier = Architecture(stages=(Stage(operator=detector.operator),))
    assert_learns(detector, still=without_effect(classifier))


def test_images_without_boxes_train_the_classes() -> None:
    network = seeded(tiny()).train()
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    losses = network(pictures((64, 96), (64, 96)), [empty, *targets(1)])
    assert every(loss.isfinite() for loss in losses.values())
    alone = network(pictures((64, 96), (64, 96)), [empty, empty])
    assert alone["classification"] > 0
    assert alone["bbox_regression"] == 0


def test_losses_and_anchors_are_exact_under_autocast() -> None:
    network = seeded(tiny()).train()
    seen: list[Tensor] = []
    network.anchor_generator.register_forward_hook(lambda module, inputs, output: seen.extend(output))
    with torch.autocast("cpu", torch.bfloat16):
        losses = network(pictures((64, 96), (64, 96)), targets(2))
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert {anchors.dtype for anchors in seen} == {torch.float32}


@pytest.mark.parametrize(("height", "width"), [(64, 96), (70, 100), (20, 140)])
def test_anchors_stand_at_the_levels_own_strides(height: int, width: int) -> None:
    detector = tiny(height, width, anchor_scales=[1.0, 1.5], anchor_ratios=[0.5, 2.0])
    network = seeded(detector).eval()
    seen: list[Tensor] = []
    network.anchor_generator.register_forward_hook(lambda module, inputs, output: seen.extend(output))
    with torch.no_grad():
        network(pictures((height, width)))
    expected = []
    for stride in (8, 16, 32, 64, 128):
        for y in range(math.ceil(height / stride)):
            for x in range(math.ceil(width / stride)):
                for ratio in (0.5, 2.0):
                    for scale in (1.0, 1.5):
                        wide, tall = 4 * stride * scale / ratio**0.5, 4 * stride * scale * ratio**0.5
                        box = [round(-wide / 2), round(-tall / 2), round(wide / 2), round(tall / 2)]
                        expected.append(
                            [box[0] + x * stride, box[1] + y * stride, box[2] + x * stride, box[3] + y * stride]
                        )
    torch.testing.assert_close(seen[0], torch.tensor(expected, dtype=torch.float32))


@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_images_fit_into_the_letterbox_with_their_shape_kept(height: int, width: int) -> None:
    room = Letterbox((48, 80))
    box = torch.tensor([[0.25 * width, 0.5 * height, width, height]])
    batch, fitted = room([torch.rand(3, height, width)], [{"boxes": box, "labels": torch.tensor([1])}])
    assert batch.tensors.shape == (1, 3, 48, 80)
    tall, wide = batch.image_sizes[0]
    # one side fills the room; the other is right to within half a pixel, and at least one
    assert tall == 48 or wide == 80
    scale = min(48 / height, 80 / width)
    assert abs(tall - scale * height) <= 0.5 or tall == 1
    assert abs(wide - scale * width) <= 0.5 or wide == 1
    torch.testing.assert_close(fitted[0]["boxes"], torch.tensor([[0.25 * wide, 0.5 * tall, wide, tall]]))
    back = room.eval().postprocess(fitted, batch.image_sizes, [(height, width)])
    torch.testing.assert_close(back[0]["boxes"], box)
    assert not batch.tensors[..., tall:, :].any()
    assert not batch.tensors[..., wide:].any()


def test_images_are_standardised_and_otherwise_kept() -> None:
    image = torch.rand(3, 48, 80)
    batch, _ = Letterbox((48, 80))([image])
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (PIXEL_MEAN, PIXEL_STD))
    torch.testing.assert_close(batch.tensors[0], (image - mean) / std)


class OneAnchor(nn.Module):
    """Heads that are sure of one anchor, which they leave where it is."""

    def __init__(self, anchor: int, classes: int) -> None:
        super().__init__()
        self.anchor = anchor
        self.classes = classes

    def forward(self, levels: list[Tensor]) -> dict[str, Tensor]:
        count = 6 * sum(level.shape[2] * level.shape[3] for level in levels)
        logits = torch.full((len(levels[0]), count, self.classes), -20.0)
        logits[:, self.anchor, 2] = 20.0
        return {"cls_logits": logits, "bbox_regression": torch.zeros(len(levels[0]), count, 4)}


def test_answers_are_in_the_pixels_of_the_image_that_was_given() -> None:
    network = seeded(tiny(64, 96)).eval()
    # the place in row 4, column 5 of P3's 8 x 12, its anchor of scale 1 and ratio 1: 32 x 32 around (40, 32)
    network.head = OneAnchor(6 * (4 * 12 + 5) + 2, 3)
    with torch.no_grad():
        same, larger = network(pictures((64, 96), (128, 96)))
    torch.testing.assert_close(same["boxes"], torch.tensor([[24.0, 16.0, 56.0, 48.0]]))
    # half its size in the letterbox, where it is 48 wide and the box is cut there
    torch.testing.assert_close(larger["boxes"], torch.tensor([[48.0, 32.0, 96.0, 96.0]]))
    assert same["labels"].tolist() == larger["labels"].tolist() == [2]
    assert same["scores"].item() == pytest.approx(1.0)


def test_a_trained_classifier_begins_a_detector() -> None:
    detector = tiny()
    torch.manual_seed(3)
    classifier = build(detector.backbone)
    for buffer in classifier.buffers():
        if buffer.is_floating_point():
            nn.init.uniform_(buffer, 0.5, 1.5)
    network = seeded(detector)
    load_backbone(network, classifier.state_dict())
    network.train()
    before = {name: tensor.clone() for name, tensor in network.backbone.body.state_dict().items()}
    for name, tensor in before.items():
        assert torch.equal(tensor, classifier.state_dict()[name])
    sum(network(pictures((64, 96), (64, 96)), targets(2)).values()).backward()
    for name, tensor in network.backbone.body.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    held = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert held == {
        f"{name}.{kind}"
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for kind in ("weight", "bias")
    }
    assert network.train().backbone.fpn.training


def test_norms_are_live_from_scratch() -> None:
    network = seeded(tiny()).train()
    before = network.backbone.body.stem.norm.running_mean.clone()
    network(pictures((64, 96), (64, 96)), targets(2))
    assert not torch.equal(network.backbone.body.stem.norm.running_mean, before)


def test_weights_of_another_network_are_refused_and_nothing_changes() -> None:
    network = seeded(tiny())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(UserError, match=r"lack stem\.conv\.weight"):
        load_backbone(network, {})
    other = build(model_architecture("resnet18").model_copy(update={"num_classes": 2}))
    with pytest.raises(UserError, match=r"stem\.conv\.weight of \(64, 3, 7, 7\), and it must be \(8, 3, 7, 7\)"):
        load_backbone(network, other.state_dict())
    assert every(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
