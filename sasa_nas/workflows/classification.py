"""Training of one classifier by a proxy's recipe, as a job of a training's session."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import torch

from sasa_nas.data.splits import ImageSet, Splits
from sasa_nas.run import SeedFolder, TrainingFolder, TrainingResult, TrainingSettings
from sasa_nas.run.training_records import Score, SeedResult
from sasa_nas.space import Architecture, Recipe
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.evaluate import evaluate
from sasa_nas.training.first_weights import DRAWN, FirstWeights
from sasa_nas.training.freezing import set_training_mode
from sasa_nas.training.pace import measure_pace
from sasa_nas.training.proxy import EpochMetrics, Trainer, new_trainer
from sasa_nas.training.seeding import seeded
from sasa_nas.workflows.loading import load_network
from sasa_nas.workflows.observer import TrainingObserver
from sasa_nas.workflows.seed_session import train_in_epochs

TIMED_SECONDS = 1.0
"""Seconds for which the updates of a training are timed, beyond the first, before a retraining begins."""


@dataclass(frozen=True)
class Classification:
    """The `TrainingJob` of a classifier by a proxy's recipe, with all images in memory.

    Attributes:
        name: Name of the network.
        architecture: The network, fitted to the data.
        settings: Data set, seeds and device; the recipe is `recipe`.
        recipe: The recipe.
        splits: The data.
        device: Device of the training.
        first: Weights that every seed begins with.
    """

    name: str
    architecture: Architecture
    settings: TrainingSettings
    recipe: Recipe
    splits: Splits
    device: torch.device
    first: FirstWeights = DRAWN

    def train(self, seed: int, place: SeedFolder, progress: Progress[EpochMetrics]) -> None:
        """Train the network with one seed; see `SeedJob.train`."""
        train_in_epochs(partial(self.trainer, seed), EpochMetrics, place, progress)

    def trainer(self, seed: int) -> Trainer:
        """Return a trainer before its first epoch."""
        return new_trainer(self.architecture, self.splits, self.recipe, seed=seed, device=self.device, first=self.first)

    def estimate(self, folder: TrainingFolder) -> None:
        """Return None: the first epoch ends soon, and tells."""

    def seconds_left(self, folder: TrainingFolder, done: Sequence[int]) -> float:
        """Return the seconds until the result, from a moment of training; see `workflows.estimate.TimedJob`."""
        trainer, epochs = self.trainer(self.settings.seeds[0]), self.recipe.epochs
        part, size = trainer.validation, max(256, self.recipe.batch_size)
        batches = [
            ImageSet(part.images[i : i + size], part.labels[i : i + size], part.standardisation)
            for i in range(0, len(part), size)
        ]
        with seeded(0):
            set_training_mode(trainer.model)
            updates = measure_pace(
                trainer.batches.epoch(0),
                trainer.step,
                total=epochs * len(trainer.batches),
                limit=TIMED_SECONDS,
                device=self.device,
            )
            validation = measure_pace(
                iter(batches),
                partial(evaluate, trainer.model, batch_size=size),
                total=epochs * len(batches),
                limit=TIMED_SECONDS / 2,
                device=self.device,
            )
        # the last batch may be smaller
        one = validation.each * len(part) / min(size, len(part))
        left = sum(epochs - before for before in done)
        # the result is of the validation part again, and of the test part, taken to be as large
        return left * (updates.each * len(trainer.batches) + one) + 2 * len(done) * one

    def result(self, folder: TrainingFolder, observer: TrainingObserver) -> TrainingResult:
        """Evaluate the weights on disk on the validation and the test part."""
        observer.testing_started()
        validation = self.splits.validation.to(self.device)
        test = self.splits.load_test().to(self.device)
        batch_size = max(256, self.recipe.batch_size)
        seeds: list[SeedResult] = []
        for seed in self.settings.seeds:
            network = load_network(self.architecture, folder.seed(seed).weights, self.device)
            on_validation, on_test = (
                Score.model_validate(asdict(evaluate(network, part, batch_size=batch_size)))
                for part in (validation, test)
            )
            seeds.append(SeedResult(seed=seed, validation=on_validation, test=on_test))
        return TrainingResult.of(
            seeds,
            name=self.name,
            architecture_id=self.architecture.id,
            dataset=self.settings.dataset,
            epochs=self.recipe.epochs,
        )
