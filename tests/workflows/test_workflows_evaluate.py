"""Evaluating what lies in folders, on the real digits; the attacks and transforms themselves are tested in train."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sasa_nas.data.registry import load
from sasa_nas.data.splits import ImageSet, Splits, Standardisation
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.run import TrainingSettings
from sasa_nas.run.trained import TrainingData
from sasa_nas.run.training_records import Spread
from sasa_nas.space import Architecture, load_architecture
from sasa_nas.training.adversarial import Attack
from sasa_nas.workflows import loading
from sasa_nas.workflows.evaluate import EvaluationSettings, evaluate_network, make_attacks
from sasa_nas.workflows.loading import load_for, require_unchanged
from sasa_nas.workflows.observer import TrainingSummary
from sasa_nas.workflows.train import train_network

CPU = EvaluationSettings(device="cpu")


@pytest.fixture(scope="module")
def trained(
    architecture: Architecture,
    make_settings: Callable[..., TrainingSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainingSummary:
    """A tiny network trained on digits with two seeds."""
    out = tmp_path_factory.mktemp("trained")
    return train_network(architecture, make_settings(epochs=3, seeds=(0, 1)), name="tiny", out=out)


@pytest.fixture
def export(trained: TrainingSummary, tmp_path: Path) -> Path:
    """A folder with the network of the first seed alone."""
    (tmp_path / "architecture.json").write_bytes(trained.folder.architecture.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(trained.folder.seed(0).weights.read_bytes())
    return tmp_path


def right(trained: TrainingSummary, seed: int, images: torch.Tensor, labels: torch.Tensor) -> float:
    network = build(load_architecture(trained.folder.architecture))
    network.load_state_dict(load_file(trained.folder.seed(seed).weights))
    with torch.no_grad():
        return (network.eval()(images).argmax(1) == labels).double().mean().item()


def test_a_training_is_measured_over_its_seeds_as_it_was_after_training(trained: TrainingSummary) -> None:
    assert trained.result is not None
    for split, images in (("validation", 360), ("test", 359)):
        report = evaluate_network(trained.folder.path, replace(CPU, split=split))
        assert (report.dataset, report.split, report.images, report.seeds) == ("digits", split, images, (0, 1))
        (clean,) = report.measurements
        assert (clean.name, clean.attack, clean.success) == ("clean", None, None)
        assert clean.accuracies == tuple(getattr(seed, split).accuracy for seed in trained.result.seeds)
        assert clean.accuracy == Spread.of(clean.accuracies)


def test_turned_and_mirrored_images_are_those_of_numpy(trained: TrainingSummary) -> None:
    report = evaluate_network(trained.folder.path, replace(CPU, rotations=True, flips=True))
    part = load("digits", image_size=6).validation
    pixels = part.images.numpy()
    views = {
        "clean": pixels,
        "rotate_90": np.rot90(pixels, -1, (2, 3)),
        "rotate_180": np.rot90(pixels, 2, (2, 3)),
        "rotate_270": np.rot90(pixels, 1, (2, 3)),
        "flip_upside_down": pixels[:, :, ::-1],
        "flip_left_right": pixels[..., ::-1],
    }
    assert [measurement.name for measurement in report.measurements] == list(views)
    for measurement in report.measurements:
        images = torch.from_numpy(views[measurement.name].copy())
        expected = [right(trained, seed, images, part.labels) for seed in (0, 1)]
        assert measurement.accuracies == pytest.approx(expected)


def test_attacks_leave_less_the_further_they_go(trained: TrainingSummary) -> None:
    attacks = make_attacks([0.02, 0.1, 0.5], [5])
    report = evaluate_network(trained.folder.path, replace(CPU, attacks=attacks))
    clean, *attacked = report.measurements
    assert [(m.name, m.attack.epsilon, m.attack.steps) for m in attacked if m.attack] == [
        ("pgd", epsilon, 5) for epsilon in (0.02, 0.1, 0.5)
    ]
    means = [measurement.accuracy.mean for measurement in (clean, *attacked)]
    assert means == sorted(means, reverse=True)
    assert means[-1] < means[0] / 2
    assert json.loads(report.model_dump_json())["measurements"][1]["attack"]["targeted"] is False


def test_a_targeted_attack_tells_how_often_it_succeeds(export: Path) -> None:
    settings = replace(CPU, attacks=make_attacks([0.5], [3], targeted=True))
    *_, attacked = evaluate_network(export, replace(settings, dataset="digits")).measurements
    assert attacked.success is not None
    assert 0.1 < attacked.success.mean <= 1 - attacked.accuracy.mean


def test_the_default_part_is_validation_and_no_test_image_is_read(
    trained: TrainingSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def untouchable() -> ImageSet:
        raise AssertionError("the test part was read")

    def spied(*arguments: object, **options: object) -> Splits:
        return replace(load(*arguments, **options), load_test=untouchable)

    monkeypatch.setattr(loading, "load", spied)
    settings = replace(CPU, rotations=True, attacks=make_attacks([0.1], [1]))
    assert evaluate_network(trained.folder.path, settings).split == "validation"
    with pytest.raises(AssertionError, match="test part was read"):
        evaluate_network(trained.folder.path, replace(settings, split="test"))


def test_a_folder_without_a_record_needs_a_data_set(export: Path, trained: TrainingSummary) -> None:
    with pytest.raises(UserError, match="give --dataset"):
        evaluate_network(export, CPU)
    report = evaluate_network(export, replace(CPU, dataset="digits"))
    assert trained.result is not None
    assert report.seeds == (None,)
    assert report.measurements[0].accuracies == (trained.result.seeds[0].validation.accuracy,)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [("digit", "did you mean 'digits'"), ("cifar10", "3 channels and the network 1")],
)
def test_a_data_set_that_does_not_fit_is_refused_before_it_is_read(export: Path, dataset: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        evaluate_network(export, replace(CPU, dataset=dataset))


def test_other_classes_are_refused(architecture: Architecture) -> None:
    image = architecture.image.model_copy(update={"channels": 1, "height": 8, "width": 8})
    other = architecture.model_copy(update={"image": image, "num_classes": 9})
    with pytest.raises(UserError, match="'digits' has 10 classes and the network 9"):
        load_for(other, "digits", None)


def test_a_network_for_oblong_images_has_no_data_set(architecture: Architecture) -> None:
    image = architecture.image.model_copy(update={"channels": 1, "height": 8, "width": 6})
    with pytest.raises(UserError, match="made for images of 8x6 pixels"):
        load_for(architecture.model_copy(update={"image": image}), "digits", None)


def test_other_networks_and_damaged_weights_are_refused(export: Path) -> None:
    file = export / "model.safetensors"
    whole = file.read_bytes()
    tensors = load_file(file)
    for content, words in (
        ({**tensors, "stem.conv.weight": torch.zeros(3, 1, 3, 3)}, "not those of architecture"),
        ({**tensors, "more": torch.zeros(1)}, "it has no more"),
    ):
        save_file(content, file)
        with pytest.raises(UserError, match=words):
            evaluate_network(export, replace(CPU, dataset="digits"))
    file.write_bytes(whole[:-7])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        evaluate_network(export, replace(CPU, dataset="digits"))
    file.unlink()
    with pytest.raises(UserError, match="not trained to the end"):
        evaluate_network(export, replace(CPU, dataset="digits"))


@pytest.mark.parametrize(
    ("mean", "std", "same"),
    [
        ((5.0,), (2.0,), True),
        ((5.0 * (1 + 1e-6),), (2.0,), True),
        ((), (), True),
        ((5.1,), (2.0,), False),
        ((5.0,), (2.1,), False),
        ((5.0, 5.0), (2.0, 2.0), False),
    ],
)
def test_data_are_known_again_by_their_statistics(mean: tuple[float, ...], std: tuple[float, ...], same: bool) -> None:
    scale = Standardisation(torch.tensor([[[5.0]]]), torch.tensor([[[2.0]]]))
    splits = replace(load("digits"), standardisation=scale)
    data = TrainingData("digits", None, mean, std)
    if same:
        require_unchanged(splits, data)
        return
    with pytest.raises(UserError, match="'digits' is no longer what the network was trained on"):
        require_unchanged(splits, data)


def test_there_is_an_attack_for_every_pair() -> None:
    assert make_attacks([0.1, 0.2], [2, 4]) == (
        Attack(0.1, 2, 0.125),
        Attack(0.1, 4, 0.0625),
        Attack(0.2, 2, 0.25),
        Attack(0.2, 4, 0.125),
    )
    assert make_attacks([0.1], [3], step_size=0.04, targeted=True) == (Attack(0.1, 3, 0.04, targeted=True),)


@pytest.mark.parametrize(
    ("epsilons", "steps", "step_size", "words"),
    [
        ([0.0], [1], None, "epsilon must be"),
        ([0.1, -1.0], [1], None, "epsilon must be"),
        ([math.inf], [1], None, "epsilon must be"),
        ([0.1], [0], None, "steps must be"),
        ([0.1], [1], 0.0, "step_size must be"),
    ],
)
def test_attacks_that_cannot_be_are_refused(
    epsilons: list[float], steps: list[int], step_size: float | None, words: str
) -> None:
    with pytest.raises(UserError, match=f"no such attack: {words} a positive number"):
        make_attacks(epsilons, steps, step_size=step_size)
