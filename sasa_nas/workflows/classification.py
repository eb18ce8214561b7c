"""Training of one classifier by a proxy's recipe, as a job of a training's session."""

from dataclasses import asdict, dataclass
from functools import partial

import torch

from sasa_nas.data.splits import Splits
from sasa_nas.run import SeedFolder, TrainingFolder, TrainingResult, TrainingSettings
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.space import Architecture, Recipe
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.evaluate import evaluate
from sasa_nas.training.first_weights import DRAWN, FirstWeights
from sasa_nas.training.proxy import EpochMetrics, Trainer, new_trainer
from sasa_nas.workflows.loading import load_network
from sasa_nas.workflows.observer import TrainingObserver
from sasa_nas.workflows.training_session import train_in_epochs


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
        return TrainingResult(
            name=self.name,
            architecture_id=self.architecture.id,
            dataset=self.settings.dataset,
            epochs=self.recipe.epochs,
            seeds=tuple(seeds),
            validation=Spread.of([seed.validation.accuracy for seed in seeds]),
            test=Spread.of([seed.test.accuracy for seed in seeds]),
        )
