"""Full trainings on the real digits: their files, a kill, trained weights to begin with, and several processes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from safetensors.torch import load_file

from sasa_nas.errors import UserError
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import TrainingSettings, read_training
from sasa_nas.space import Architecture, load_architecture
from sasa_nas.workflows.evaluate import EvaluationSettings, evaluate_network
from sasa_nas.workflows.export import WeightsChoice, of_training
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.train import resume_network, train_network

HERE = Share(workers=0)
MakeFull = Callable[..., TrainingSettings]


class Killed(BaseException):
    """No handler of errors may catch it, as none catches a kill."""


@pytest.fixture(scope="session")
def make_full() -> MakeFull:
    """Makes settings that train in full on digits."""

    def make(*, recipe: dict[str, Any] | None = None, **settings: Any) -> TrainingSettings:
        fields: dict[str, Any] = {
            "epochs": 2,
            "batch_size": 128,
            "optimizer": {"kind": "sgd", "learning_rate": 0.05, "nesterov": True},
            "augmentation": {"crop": {"kind": "shift", "padding": 1}},
            "average": {"decay": 0.5},
        }
        full = FullRecipe.model_validate(fields | (recipe or {}))
        options = {"dataset": "digits", "device": "cpu"} | settings
        return TrainingSettings(recipe=full, **options)

    return make


def test_a_full_training_is_measured_as_evaluate_measures_it(
    architecture: Architecture, make_full: MakeFull, tmp_path: Path
) -> None:
    settings = make_full(seeds=(3, 4))
    done = train_network(architecture, settings, name="tiny", out=tmp_path / "t", share=HERE)
    assert done.result is not None
    info = read_training(done.folder)
    assert info.settings.recipe == settings.recipe
    assert load_architecture(done.folder.architecture).image.height == 8
    report = evaluate_network(done.folder.path, EvaluationSettings(split="test", device="cpu"))
    assert report.measurements[0].accuracy == done.result.test
    assert every(
        load_file(done.folder.seed(seed).weights)["classifier.weight"].dtype == torch.float32 for seed in (3, 4)
    )


def test_the_whole_train_part_is_trained_on_and_the_test_part_measured_on(
    architecture: Architecture, make_full: MakeFull, make_notes, tmp_path: Path
) -> None:
    settings = make_full(seeds=(3,), whole_train=True)
    notes, out = make_notes(Killed(), 1), tmp_path / "whole"
    with pytest.raises(Killed):
        train_network(architecture, settings, name="tiny", out=out, share=HERE, observer=notes)
    done = resume_network(out, share=HERE)
    assert done.result is not None
    assert (done.result.validation, [seed.validation for seed in done.result.seeds]) == (None, [None])
    epochs = [json.loads(line) for line in done.folder.seed(3).metrics.read_text().splitlines()]
    assert [(epoch["epoch"], epoch["accuracy"], epoch["validation_loss"]) for epoch in epochs] == [
        (1, None, None),
        (2, None, None),
    ]
    report = evaluate_network(out, EvaluationSettings(split="test", device="cpu"))
    assert report.measurements[0].accuracy == done.result.test
    assert report.images == 359
    card = of_training(done.folder, WeightsChoice(seed=3)).card
    assert (card.accuracy, card.test_accuracy) == (None, done.result.seeds[0].test.accuracy)
    assert "validation images together" in (card.note or "")
    # what has seen the images cannot be measured on them, nor can what begins with its weights
    with pytest.raises(UserError, match="trained on the validation part, too; give --split test"):
        evaluate_network(out, EvaluationSettings(device="cpu"))
    with pytest.raises(UserError, match="trained on the validation part of 'digits', too; give --whole-train"):
        train_network(architecture, make_full(pretrained=True), name=str(out), out=tmp_path / "none", share=HERE)


def test_a_killed_full_training_ends_where_an_undisturbed_one_does(
    architecture: Architecture, make_full: MakeFull, make_notes, tmp_path: Path
) -> None:
    whole = train_network(architecture, make_full(), name="tiny", out=tmp_path / "whole", share=HERE)
    killed = tmp_path / "killed"
    notes = make_notes(Killed(), 1)
    with pytest.raises(Killed):
        train_network(architecture, make_full(), name="tiny", out=killed, share=HERE, observer=notes)
    resumed = resume_network(killed, share=HERE)
    assert resumed.result == whole.result
    ours, theirs = (load_file(done.folder.seed(0).weights) for done in (resumed, whole))
    assert every(torch.equal(ours[name], value) for name, value in theirs.items())


def test_trained_weights_are_begun_with_and_kept(
    architecture: Architecture, make_full: MakeFull, tmp_path: Path
) -> None:
    first = train_network(architecture, make_full(), name="tiny", out=tmp_path / "first", share=HERE)
    begun = str(first.folder.path)
    settings = make_full(pretrained=True, frozen="backbone")
    second = train_network(architecture, settings, name=begun, out=tmp_path / "second", share=HERE)
    before, after = (load_file(done.folder.seed(0).weights) for done in (first, second))
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    assert read_training(second.folder).inherited == begun
    # a stop in between loses nothing of it
    again = resume_network(second.folder.path, share=HERE)
    assert again.result == second.result


def test_what_is_wrong_is_said_before_a_folder_is_made(
    architecture: Architecture, make_full: MakeFull, tmp_path: Path
) -> None:
    proxy = TrainingSettings(dataset="digits", device="cpu")
    pairs: list[tuple[TrainingSettings, Share, str]] = [
        (make_full(recipe={"batch_size": 5000}), HERE, "batch"),
        (make_full(recipe={"batch_size": 3}), Share(4, 0), "too small for 4 processes"),
        (make_full(recipe={"micro_batch": 1}), HERE, "a batch of one image"),
        (make_full(pretrained=True), HERE, "no folder with trained weights"),
        (make_full(frozen=1), HERE, "give --pretrained"),
        (make_full(whole_train=True, train_images=100), HERE, "train_images=100 is not"),
        (proxy, Share(2), "give --recipe"),
    ]
    for settings, share, words in pairs:
        with pytest.raises(UserError, match=words):
            train_network(architecture, settings, name="tiny", out=tmp_path / "none", share=share)
        assert not (tmp_path / "none").exists()


def test_a_network_for_one_size_is_not_trained_on_others(make_full: MakeFull, tmp_path: Path) -> None:
    stage = {"blocks": 1, "width": 8, "stride": 2}
    attending = stage | {"operator": {"kind": "augmented_conv", "num_heads": 2, "key_ratio": 0.5, "value_ratio": 0.5}}
    network = Architecture.model_validate(
        {"block": "basic", "stem": {"kind": "conv", "width": 8}, "stages": [attending]}
    )
    settings = make_full(recipe={"sizes": {"train": 8, "test": 12}})
    with pytest.raises(UserError, match="trains on images of 8 pixels and tests on 12"):
        train_network(network, settings, name="tiny", out=tmp_path / "none", share=HERE)
    plain = Architecture.model_validate({"block": "basic", "stem": {"kind": "conv", "width": 8}, "stages": [stage]})
    done = train_network(plain, settings, name="tiny", out=tmp_path / "t", share=HERE)
    assert load_architecture(done.folder.architecture).image.height == 12


@pytest.mark.slow
def test_two_processes_train_together(
    architecture: Architecture, make_full: MakeFull, make_notes, tmp_path: Path
) -> None:
    # each opens the data itself, and sends metrics without validation
    notes = make_notes()
    share = Share(processes=2, workers=0)
    settings = make_full(whole_train=True)
    done = train_network(architecture, settings, name="tiny", out=tmp_path / "t", share=share, observer=notes)
    assert done.result is not None
    assert done.result.validation is None
    assert [event for event in notes.events if event.startswith("seed")] == [
        "seed 0 after 0",
        "seed 0 epoch 1",
        "seed 0 epoch 2",
    ]
    assert not done.folder.seed(0).checkpoint.exists()
