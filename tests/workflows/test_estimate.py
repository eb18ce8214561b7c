"""Estimates of the time that trainings take: right, in words, and without an effect on the result."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from observers import Notes
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_forward_hook

from sasa_nas.recipes import FullRecipe
from sasa_nas.run import TrainingFolder, TrainingSettings
from sasa_nas.space import Architecture, Recipe
from sasa_nas.workflows.estimate import Estimate, about, epochs_done, estimate_training
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.observer import TrainingObserver
from sasa_nas.workflows.train import resume_network, train_network
from sasa_nas.workflows.training_jobs import planned_job

HERE = Share(workers=0)
FULL: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 64,
    "optimizer": {"kind": "sgd", "learning_rate": 0.05},
    "augmentation": {"crop": {"kind": "random_resized"}},
    "sizes": {"progression": {"start": 8, "from_epoch": 0.0, "to_epoch": 6.0, "multiple": 4}, "train": 16, "test": 16},
}


def settings_of(recipe: FullRecipe | Recipe, **changes: Any) -> TrainingSettings:
    return TrainingSettings(dataset="digits", device="cpu", recipe=recipe, **changes)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(13260, 5, 3, 30), "about 3:40 hours: 5 networks, 3 seeds, 30 epochs each"),
        (Estimate(20, 1, 1, 2), "about a minute: 1 network, 1 seed, 2 epochs each"),
        (
            Estimate(4000, 5, 3, 30, done=210),
            "about 67 minutes left: 5 networks, 3 seeds, 30 epochs each, 210 of 450 epochs are done",
        ),
    ],
)
def test_an_estimate_in_words(estimate: Estimate, words: str) -> None:
    assert str(estimate) == words


def test_an_hour_is_not_of_sixty_minutes() -> None:
    assert [about(seconds) for seconds in (89, 91, 5399, 7199, 360000)] == [
        "a minute",
        "2 minutes",
        "90 minutes",
        "2:00 hours",
        "100:00 hours",
    ]


class Stopped(BaseException):
    """Ends a training as a kill does."""


def test_the_result_is_the_same_and_a_resumed_training_counts_what_is_left(
    architecture: Architecture, tmp_path: Path
) -> None:
    settings = settings_of(FullRecipe.model_validate(FULL | {"epochs": 2}), seeds=(0, 1))
    weights = []
    for estimating in (True, False):
        notes = Notes(Stopped(), after=3)
        folder = TrainingFolder(tmp_path / str(estimating))
        with pytest.raises(Stopped):
            train_network(
                *(architecture, settings),
                **{"name": "tiny", "out": folder.path, "share": HERE, "observer": notes, "estimating": estimating},
            )
        assert (notes.estimate is not None) is estimating
        assert epochs_done(folder, settings) == [2, 1]
        again = Notes()
        resume_network(folder.path, share=HERE, observer=again, estimating=estimating)
        if estimating:
            assert again.estimate is not None
            assert replace(again.estimate, seconds=0.0) == Estimate(0.0, networks=1, seeds=2, epochs=2, done=3)
        weights.append([load_file(folder.seed(seed).weights) for seed in (0, 1)])
    for ours, theirs in zip(*weights, strict=True):
        assert every(torch.equal(ours[name], value) for name, value in theirs.items())


class WorkClock:
    """Clock that the work of layers moves on, the same on an idle and on a busy machine.

    A value that a layer computes takes ten nanoseconds, and three times as long in training, for its derivatives.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def computed(self, layer: torch.nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and not list(layer.children()):
            self.now += 1e-8 * output.numel() * (3 if torch.is_grad_enabled() else 1)


@pytest.fixture
def work_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkClock]:
    clock = WorkClock()
    monkeypatch.setattr(time, "perf_counter", clock)
    hook = register_module_forward_hook(clock.computed)
    yield clock
    hook.remove()


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [FullRecipe.model_validate(FULL | {"epochs": 6}), Recipe(epochs=6, batch_size=64)],
    ids=["full", "proxy"],
)
def test_an_estimate_is_right_within_two_percent_of_the_work(
    architecture: Architecture, recipe: FullRecipe | Recipe, tmp_path: Path, work_clock: WorkClock
) -> None:
    settings = settings_of(recipe, seeds=(0, 1))
    job = planned_job(architecture, settings, "tiny", HERE, TrainingObserver())
    estimated = estimate_training(job, TrainingFolder(tmp_path / "t"), settings).seconds
    begun = work_clock.now
    train_network(architecture, settings, name="tiny", out=tmp_path / "t", share=HERE, estimating=False)
    assert estimated == pytest.approx(work_clock.now - begun, rel=0.02)


@pytest.mark.slow
def test_several_processes_are_timed_together(architecture: Architecture, tmp_path: Path) -> None:
    settings = settings_of(FullRecipe.model_validate(FULL))
    job = planned_job(architecture, settings, "tiny", Share(processes=2, workers=0), TrainingObserver())
    assert 0.0 < estimate_training(job, TrainingFolder(tmp_path / "t"), settings).seconds < 600.0
    assert not (tmp_path / "t").exists()
