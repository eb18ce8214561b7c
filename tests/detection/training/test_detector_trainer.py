"""The trainer of detectors: what it learns, what it repeats, and how it ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from coco_shapes import write_shapes
from torch import nn

from sasa_nas.detection.data.boxes import BoxedSplits
from sasa_nas.detection.data.coco import load_coco
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network import build_detector
from sasa_nas.detection.recipe import DetectionRecipe
from sasa_nas.detection.training.trainer import DetectionMetrics, DetectionTrainer
from sasa_nas.errors import UserError
from sasa_nas.training.checkpoint import load_checkpoint, save_checkpoint
from sasa_nas.training.loop import NonFiniteLoss
from sasa_nas.training.seeding import seeded

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> BoxedSplits:
    path = write_shapes(tmp_path_factory.mktemp("coco") / "shapes", train=5, validation=2, size=(48, 64))
    return load_coco(f"coco:{path}")


def small(height: int = 48, width: int = 64, **fields: Any) -> Detector:
    stages = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]
    backbone = {
        "block": "basic",
        "stem": {"kind": "conv", "width": 8, "kernel_size": 3},
        "stages": stages,
        "image": {"height": height, "width": width},
    }
    usual = {"backbone": backbone, "pyramid_width": 8, "head_depth": 1, "num_classes": 3}
    return Detector.model_validate({**usual, **fields})


def trainer(splits: BoxedSplits, *, seed: int = 0, detector: Detector | None = None, **recipe: Any) -> DetectionTrainer:
    with seeded(seed):
        network = build_detector(detector or small())
    usual = {"epochs": 2, "batch_size": 2, "learning_rate": 1e-3}
    return DetectionTrainer(network, splits, DetectionRecipe.model_validate({**usual, **recipe}), seed=seed, device=CPU)


def without_times(metrics: DetectionMetrics) -> DetectionMetrics:
    return replace(metrics, seconds_train=0.0, seconds_evaluate=0.0)


def test_every_epoch_has_its_metrics(shapes: BoxedSplits) -> None:
    learner = trainer(shapes)
    epochs = list(learner.epochs())
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert epochs[-1].train_loss < epochs[0].train_loss
    for epoch in epochs:
        assert epoch.train_loss == pytest.approx(epoch.class_loss + epoch.box_loss)
        assert 0 <= epoch.ap <= epoch.ap50 <= 1
        assert epoch.seconds_train > 0
    with pytest.raises(ValueError, match="all 2 epochs"):
        learner.run_epoch()


def test_a_seed_gives_the_same_bits_and_another_one_others(shapes: BoxedSplits) -> None:
    one, same, other = ([without_times(m) for m in trainer(shapes, seed=seed).epochs()] for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_the_processs_random_state_is_left_alone(shapes: BoxedSplits) -> None:
    before = torch.get_rng_state()
    trainer(shapes).run_epoch()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_resumed_training_gives_the_same_bits(tmp_path: Path, shapes: BoxedSplits) -> None:
    whole = trainer(shapes)
    expected = [without_times(metrics) for metrics in whole.epochs()]
    killed = trainer(shapes)
    history = [killed.run_epoch()]
    save_checkpoint(tmp_path / "checkpoint.pt", killed, history)
    resumed = trainer(shapes)
    with torch.no_grad():
        for parameter in resumed.model.parameters():
            parameter.zero_()
    history = load_checkpoint(tmp_path / "checkpoint.pt", resumed, DetectionMetrics)
    history += list(resumed.epochs())
    assert [without_times(metrics) for metrics in history] == expected
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor), name


def test_held_norms_stay_as_they_are(shapes: BoxedSplits) -> None:
    with seeded(0):
        network = build_detector(small())
    network.freeze_norms()
    held = DetectionTrainer(network, shapes, DetectionRecipe(epochs=1, batch_size=2), seed=0, device=CPU)
    norms = {
        f"{name}.{key}": tensor.clone()
        for name, module in network.backbone.body.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for key, tensor in module.state_dict().items()
    }
    weight = network.backbone.body.stem.conv.weight.clone()
    held.run_epoch()
    for name, tensor in norms.items():
        assert torch.equal(network.backbone.body.state_dict()[name], tensor), name
    assert not torch.equal(network.backbone.body.stem.conv.weight, weight)


def test_a_loss_that_is_no_number_ends_in_one_line(shapes: BoxedSplits) -> None:
    broken = trainer(shapes)
    with torch.no_grad():
        broken.model.head.classification_head.cls_logits.bias.fill_(float("nan"))
    with pytest.raises(NonFiniteLoss, match=r"^train loss is nan at step 1 of epoch 1$"):
        broken.run_epoch()


def test_weights_broken_by_the_last_step_are_found(shapes: BoxedSplits, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = trainer(shapes, batch_size=5)
    step = broken.optimizer.step

    def breaks() -> None:
        step()
        with torch.no_grad():
            broken.model.backbone.body.stem.conv.weight[0, 0, 0, 0] = float("inf")

    monkeypatch.setattr(broken.optimizer, "step", breaks)
    with pytest.raises(NonFiniteLoss, match=r"^the weights of backbone\.body\.stem\.conv\.weight are not finite after"):
        broken.run_epoch()


def test_a_batch_that_norms_cannot_train_on_is_refused(shapes: BoxedSplits) -> None:
    with pytest.raises(UserError, match="use larger batches or a larger image_size") as caught:
        trainer(shapes, batch_size=1)
    assert "\n" not in str(caught.value)
    trainer(shapes, batch_size=1, detector=small(160, 160))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_handful_of_images_is_learnt_by_heart(tmp_path: Path) -> None:
    """COCO's own mAP, averaged over the overlaps 0.5 to 0.95, on the images that were trained on."""
    splits = load_coco(f"coco:{write_shapes(tmp_path / 'shapes', train=6, validation=0)}")
    stages = [{"blocks": 1, "width": width, "stride": 1 if i == 0 else 2} for i, width in enumerate((16, 32, 64, 64))]
    backbone = {
        "block": "basic",
        "stem": {"kind": "conv", "width": 16, "kernel_size": 3},
        "stages": stages,
        "image": {"height": 96, "width": 128},
    }
    detector = small(backbone=backbone, pyramid_width=32, head_depth=2)
    learner = trainer(splits, detector=detector, epochs=60, batch_size=6, learning_rate=3e-3, augment=False)
    epochs = list(learner.epochs())
    assert epochs[0].ap < 0.1
    assert epochs[-1].ap > 0.5
