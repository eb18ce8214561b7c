"""The trainer of full recipes: against a loop by hand, after any interruption, with micro-batches."""

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from assertions import every
from full_cases import CLASSES, IMAGES, SIDE, images_and_labels, network, recipe, splits
from torch import nn

from sasa_nas.recipes import FullRecipe
from sasa_nas.training.full.trainer import FullTrainer
from sasa_nas.training.loop import NonFiniteLoss

CPU = torch.device("cpu")


def trainer(of: FullRecipe, seed: int = 5) -> FullTrainer:
    return FullTrainer(network(), splits(), of, seed=seed, device=CPU, check_every=1)


def weights(of: FullTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in of.trained.state_dict().items()}


PLAIN: dict[str, Any] = {
    "epochs": 2,
    "batch_size": IMAGES,
    "precision": "fp64",
    "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "schedule": {"kind": "cosine"},
    "augmentation": {"crop": {"kind": "shift", "padding": 0}, "flip": 0.0},
}
"""A recipe without random numbers but for the order, which a batch of all images does not feel."""


def test_updates_are_those_of_a_loop_by_hand() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, CLASSES)).double()
    by_hand = copy.deepcopy(model)
    ours = FullTrainer(model, splits(), FullRecipe.model_validate(PLAIN), seed=0, device=CPU)
    list(ours.epochs())
    pixels, labels = images_and_labels(splits().train)
    inputs = splits().standardisation.apply(pixels).double()
    velocity = [torch.zeros_like(weight) for weight in by_hand.parameters()]
    for step in range(2):
        gradients = torch.autograd.grad(F.cross_entropy(by_hand(inputs), labels), list(by_hand.parameters()))
        rate = 0.1 * 0.5 * (1 + math.cos(math.pi * step / 2))
        with torch.no_grad():
            for weight, gradient, speed in zip(by_hand.parameters(), gradients, velocity, strict=True):
                speed.mul_(0.9).add_(gradient + (0.01 if weight.ndim > 1 else 0.0) * weight)
                weight.sub_(rate * speed)
    for ours_, theirs in zip(ours.model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours_, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["sasa", "rsb", "aa_cifar"])
def test_resuming_after_any_update_changes_nothing(name: str) -> None:
    of = recipe(name, epochs=2)
    states: list[tuple[dict[str, Any], int]] = []
    whole = trainer(of)
    seen = list(whole.epochs(lambda: states.append((copy.deepcopy(whole.state_dict()), whole.epoch))))
    wanted = weights(whole)
    assert len(states) == 2 * (IMAGES // 8 - 1)
    for state, epoch in states[::2]:
        again = trainer(of)
        again.load_state_dict(state)
        rest = list(again.epochs())
        assert every(
            dataclasses.replace(a, seconds_train=0, seconds_evaluate=0)
            == dataclasses.replace(b, seconds_train=0, seconds_evaluate=0)
            for a, b in zip(rest, seen[epoch:], strict=True)
        )
        assert every(torch.equal(value, wanted[key]) for key, value in weights(again).items())


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (trainer(recipe("rsb", epochs=2), seed) for seed in (1, 1, 2))
    losses = [next(iter(each.epochs())).train_loss for each in (first, again, other)]
    assert losses[0] == losses[1] != losses[2]


def test_the_moving_average_is_what_is_measured_and_kept() -> None:
    ours = trainer(recipe("sasa", epochs=2))
    *_, metrics = ours.epochs()
    assert ours.average is not None
    assert ours.trained is ours.average.model
    pixels, labels = images_and_labels(splits().validation)
    with torch.no_grad():
        logits = ours.trained(splits().standardisation.apply(pixels).double())
    assert metrics.validation_loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-12)
    assert metrics.accuracy == (logits.argmax(1) == labels).double().mean().item()


def test_mirrored_images_are_averaged() -> None:
    ours = trainer(recipe("aa_cifar", epochs=1, validation={"flip": True}))
    (metrics,) = ours.epochs()
    pixels, labels = images_and_labels(splits().validation)
    inputs = splits().standardisation.apply(pixels).double()
    ours.model.eval()
    with torch.no_grad():
        logits = (ours.model(inputs) + ours.model(inputs.flip(-1))) / 2
    assert metrics.validation_loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-12)


def test_divergence_is_named() -> None:
    ours = trainer(recipe("aa_cifar", optimizer={"kind": "sgd", "learning_rate": 1e200}, clip_norm=None))
    with pytest.raises(NonFiniteLoss, match="at step 2 of epoch 1"):
        list(ours.epochs())


def test_foreign_states_are_refused() -> None:
    state = trainer(recipe("sasa")).state_dict()
    with pytest.raises(ValueError, match="moving average"):
        trainer(recipe("aa_cifar")).load_state_dict(state)
    with pytest.raises(ValueError, match="an epoch has 3 updates"):
        trainer(recipe("sasa")).load_state_dict(state | {"update": 3})
