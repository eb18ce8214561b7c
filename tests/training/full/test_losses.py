"""Losses of recipes against timm's, of labels and of mixtures."""

import pytest
import torch
from networks import labelled_logits
from torch import Tensor

from sasa_nas.recipes import BinaryCrossEntropy, CrossEntropy
from sasa_nas.training.full.losses import make_loss

SMOOTHINGS = (0.0, 0.1)


def mixed(labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Targets of a mixture by three to one, as timm's Mixup makes and smooths them."""
    mixup = pytest.importorskip("timm.data.mixup")
    targets: Tensor = mixup.mixup_target(labels, 5, lam=0.75, smoothing=smoothing)
    return targets.double()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_cross_entropy(smoothing: float) -> None:
    timm = pytest.importorskip("timm.loss")
    logits, labels = labelled_logits()
    own = make_loss(CrossEntropy(label_smoothing=smoothing), 5)
    of_labels = timm.LabelSmoothingCrossEntropy(smoothing)(logits, labels)
    assert own(logits, labels).item() == pytest.approx(of_labels.item(), abs=1e-6)
    of_shares = timm.SoftTargetCrossEntropy()(logits, mixed(labels, smoothing))
    assert own(logits, mixed(labels)).item() == pytest.approx(of_shares.item(), abs=1e-6)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("threshold", [None, 0.2])
def test_binary_cross_entropy(smoothing: float, threshold: float | None) -> None:
    timm = pytest.importorskip("timm.loss")
    logits, labels = labelled_logits()
    own = make_loss(BinaryCrossEntropy(label_smoothing=smoothing, threshold=threshold), 5)
    other = timm.BinaryCrossEntropy(smoothing=smoothing, target_threshold=threshold)
    assert own(logits, labels).item() == pytest.approx(other(logits, labels).item(), abs=1e-6)
    of_shares = other(logits, mixed(labels, smoothing))
    assert own(logits, mixed(labels)).item() == pytest.approx(of_shares.item(), abs=1e-6)


def test_a_class_above_the_threshold_counts_in_full() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5]])
    loss = make_loss(BinaryCrossEntropy(threshold=0.2), 3)
    # shares of 0.7 and 0.3 are both present, one of 0.1 would not be
    wanted = -(logits[0, :2].sigmoid().log().sum() + (1 - logits[0, 2].sigmoid()).log()) / 3
    assert loss(logits, torch.tensor([[0.7, 0.3, 0.0]])).item() == pytest.approx(wanted.item(), abs=1e-6)
    alone = -(logits[0, 0].sigmoid().log() + (1 - logits[0, 1:].sigmoid()).log().sum()) / 3
    assert loss(logits, torch.tensor([[0.9, 0.1, 0.0]])).item() == pytest.approx(alone.item(), abs=1e-6)


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy()])
def test_shares_of_float32_fit_any_logits(loss: CrossEntropy | BinaryCrossEntropy) -> None:
    logits, labels = labelled_logits()
    shares = torch.nn.functional.one_hot(labels, 5).float()
    function = make_loss(loss, 5)
    for dtype in (torch.float32, torch.float64):
        found = function(logits.to(dtype), shares)
        assert found.dtype == dtype
        assert found.item() == pytest.approx(function(logits, labels).item(), abs=1e-6)
