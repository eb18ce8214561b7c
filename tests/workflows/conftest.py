"""A network so small that training it takes a blink, and an observer that takes notes."""

from collections.abc import Callable, Iterator

import pytest
import torch

from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.run import TrainingFolder, TrainingInfo, TrainingSettings
from sasa_nas.space import Architecture, Recipe, Stage
from sasa_nas.stems.conv import ConvStem
from sasa_nas.training.proxy import EpochMetrics


class Notes:
    """An observer that keeps everything it is told; raises `stop` once so many epochs have ended."""

    def __init__(self, stop: BaseException | None = None, after: int = 1) -> None:
        self.events: list[str] = []
        self._stop = stop
        self._after = after

    def training_started(self, folder: TrainingFolder, info: TrainingInfo) -> None:
        self.events.append(f"training {info.name}")

    def decoding(self, done: int, images: int) -> None:
        pass

    def seed_started(self, seed: int, epochs: int) -> None:
        self.events.append(f"seed {seed} after {epochs}")

    def seed_restarted(self, seed: int, reason: str) -> None:
        self.events.append(f"seed {seed} again: {reason}")

    def epoch_ended(self, seed: int, metrics: EpochMetrics) -> None:
        self.events.append(f"seed {seed} epoch {metrics.epoch}")
        self._after -= 1
        if self._stop is not None and self._after == 0:
            raise self._stop

    def testing_started(self) -> None:
        self.events.append("testing")


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
