"""A network so small that training it takes a blink, and an observer that takes notes."""

from collections.abc import Callable, Iterator

import pytest
import torch
from observers import Notes

from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.run import TrainingSettings
from sasa_nas.space import Architecture, Recipe, Stage
from sasa_nas.stems.conv import ConvStem


@pytest.fixture
def make_notes() -> type[Notes]:
    return Notes


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    """Two thin stages, the second of window attention, for images and classes that no data set here has."""
    return Architecture(
        block="basic",
        stem=ConvStem(width=8),
        stages=(
            Stage(blocks=1, width=8, stride=2),
            Stage(blocks=1, width=8, stride=2, operator=LocalAttention(kernel_size=3, num_heads=2)),
        ),
    )


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., TrainingSettings]:
    """Makes settings that train on digits of 6 x 6 pixels."""

    def make(*, epochs: int = 2, learning_rate: float = 3e-3, seeds: tuple[int, ...] = (0,)) -> TrainingSettings:
        recipe = Recipe(epochs=epochs, batch_size=128, learning_rate=learning_rate)
        return TrainingSettings(dataset="digits", image_size=6, recipe=recipe, seeds=seeds, device="cpu")

    return make


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
