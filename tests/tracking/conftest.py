"""Fixtures: a tool in memory, and searches and trainings that it can follow."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from recording_tool import RecordingTool

from sasa_nas.run import TrainingSettings
from sasa_nas.space import Architecture, Recipe, SearchSpace, Stage
from sasa_nas.space.files import validate_space
from sasa_nas.stems.conv import ConvStem


@pytest.fixture
def tool() -> RecordingTool:
    return RecordingTool()


@pytest.fixture
def make_space() -> Callable[..., SearchSpace]:
    """Makes a space of eight networks, or of more stages, whose trainings are answered by a formula."""

    def make(epochs: int = 3, stages: int = 3) -> SearchSpace:
        operator = {"choice": [{"kind": "conv"}, {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}]}
        stage: dict[str, Any] = {"blocks": 1, "width": 8, "operator": operator}
        proxy = {"dataset": "synthetic:additive", "image_size": 6, "recipe": {"epochs": epochs, "batch_size": 64}}
        stem = {"kind": "conv", "width": 8}
        return validate_space(
            {"name": "eight", "block": "basic", "stem": stem, "stages": [stage] * stages, "proxy": proxy}, "x"
        )

    return make


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    """A network that trains in a blink."""
    return Architecture(block="basic", stem=ConvStem(width=8), stages=(Stage(blocks=1, width=8, stride=2),))


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., TrainingSettings]:
    """Makes settings that train on digits of 6 x 6 pixels."""

    def make(*, epochs: int = 2, seeds: tuple[int, ...] = (0,), learning_rate: float = 3e-3) -> TrainingSettings:
        recipe = Recipe(epochs=epochs, batch_size=128, learning_rate=learning_rate)
        return TrainingSettings(dataset="digits", image_size=6, recipe=recipe, seeds=seeds, device="cpu")

    return make


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
