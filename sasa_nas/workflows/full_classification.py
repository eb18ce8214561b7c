"""Full training of one classifier by a recipe, as a job of a training's session."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import SeedFolder, TrainingFolder, TrainingResult, TrainingSettings
from sasa_nas.run.training_records import Score, SeedResult
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import changed
from sasa_nas.streaming.loader import TestLoader, TrainLoader
from sasa_nas.streaming.order import micro_batches
from sasa_nas.streaming.sources import ImageSource
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.first_weights import DRAWN, FirstWeights
from sasa_nas.training.full.evaluation import dtype_of, evaluate_streamed
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.full.pace import FullPace
from sasa_nas.workflows.estimate import Estimate, estimate_training
from sasa_nas.workflows.full_cluster import time_on_cluster, train_on_cluster
from sasa_nas.workflows.full_ranks import (
    lead,
    lead_timing,
    time_here,
    time_in_processes,
    train_here,
    train_in_processes,
)
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.full_task import FullTask, default_workers
from sasa_nas.workflows.loading import load_network
from sasa_nas.workflows.observer import TrainingObserver

TIMED_SECONDS = 4.0
"""Seconds for which the updates of a training are timed, beyond the first, before it begins."""


@dataclass(frozen=True)
class FullClassification:
    """The `TrainingJob` of a classifier by a full recipe.

    Attributes:
        name: Name of the network.
        architecture: The network, fitted to the data.
        settings: Data set, seeds and device; the recipe is `recipe`.
        recipe: The recipe.
        splits: The data.
        device: Device of the final measurements.
        share: Division of the work.
        first: Weights that every seed begins with.
    """

    name: str
    architecture: Architecture
    settings: TrainingSettings
    recipe: FullRecipe
    splits: StreamedSplits
    device: torch.device
    share: Share
    first: FirstWeights = DRAWN

    def train(self, seed: int, place: SeedFolder, progress: Progress[FullMetrics]) -> None:
        """Train the network with one seed; see `SeedJob.train`."""
        task, share = self._task(seed, place), self.share
        if (cluster := share.on_cluster(task.device)) is not None:
            train_on_cluster(task, cluster, progress, workers=share.workers)
        elif share.ranks.size > 1:
            lead(task, self.splits, share.ranks, progress)
        elif share.processes > 1:
            train_in_processes(task, share.processes, progress)
        else:
            train_here(task, self.splits, progress)

    def estimate(self, folder: TrainingFolder) -> Estimate:
        """Return an estimate for what is left of the training."""
        return estimate_training(self, folder, self.settings)

    def seconds_left(self, folder: TrainingFolder, done: Sequence[int]) -> float:
        """Return the seconds until the result, from a moment of training; see `workflows.estimate.TimedJob`."""
        epochs, sizes = self.recipe.epochs, self.recipe.sizes
        pace = self._timed(folder)
        own = self.splits.info.height
        total = 0.0
        for before in done:
            sides = [sizes.train_side(epoch, own) for epoch in range(before, epochs)]
            total += sum(map(pace.epoch, sides)) + (pace.start if sides else 0.0)
        # the result is of the validation part again, and of the test part, taken to be as large
        return total + 2 * len(done) * pace.validation.seconds(pace.batches)

    def _timed(self, folder: TrainingFolder) -> FullPace:
        seed, share = self.settings.seeds[0], self.share
        task = self._task(seed, folder.seed(seed))
        if (cluster := share.on_cluster(task.device)) is not None:
            return time_on_cluster(task, cluster, TIMED_SECONDS, workers=share.workers)
        if share.ranks.size > 1:
            return lead_timing(task, self.splits, TIMED_SECONDS, share.ranks)
        if share.processes > 1:
            return time_in_processes(task, share.processes, TIMED_SECONDS)
        return time_here(task, self.splits, TIMED_SECONDS)

    def _task(self, seed: int, place: SeedFolder) -> FullTask:
        settings = self.settings
        return FullTask(
            architecture=self.architecture,
            recipe=self.recipe,
            dataset=settings.dataset,
            data_dir=settings.data_dir,
            image_size=settings.image_size,
            train_images=settings.train_images,
            whole_train=settings.whole_train,
            device=settings.device,
            workers=self.share.workers_of_rank,
            divided_for=self.share.size,
            seed=seed,
            place=place.path,
            inherited=None if self.first.weights is None else TrainingFolder(place.path.parent.parent).inherited,
            frozen=self.first.frozen,
        )

    def result(self, folder: TrainingFolder, observer: TrainingObserver) -> TrainingResult:
        """Measure the weights on disk on the validation part, if there is one, and the test part."""
        observer.testing_started()
        seeds: list[SeedResult] = []
        validation, test = self.splits.validation, self.splits.load_test()
        for seed in self.settings.seeds:
            network = load_network(self.architecture, folder.seed(seed).weights, self.device)
            on_validation = None if validation is None else self._score(network, validation)
            seeds.append(SeedResult(seed=seed, validation=on_validation, test=self._score(network, test)))
        return TrainingResult.of(
            seeds,
            name=self.name,
            architecture_id=self.architecture.id,
            dataset=self.settings.dataset,
            epochs=self.recipe.epochs,
        )

    def _score(self, network: torch.nn.Module, part: ImageSource) -> Score:
        recipe = self.recipe
        loader = TestLoader(
            part,
            recipe.sizes,
            batch_size=-(-recipe.batch_size // _micro_batches(recipe, self.share)),
            workers=default_workers(1) if self.share.workers is None else self.share.workers,
        )
        found = evaluate_streamed(
            network.to(dtype_of(recipe.precision)),
            loader,
            self.splits.standardisation.to(self.device),
            precision=recipe.precision,
            flip=recipe.validation.flip,
        )
        # a training without validation has shown no loss of its last weights
        if not math.isfinite(found.loss):
            raise UserError(f"the trained network's loss is {found.loss}; train anew with a lower learning rate")
        return Score(accuracy=found.accuracy, loss=found.loss)


def require_trainable(architecture: Architecture, recipe: FullRecipe, splits: StreamedSplits, share: Share) -> None:
    """Check that a network takes all sizes of a recipe, and that its batches can be divided.

    Args:
        architecture: The network, fitted to the images to test on.
        recipe: The recipe.
        splits: The data.
        share: Division of the work.

    Raises:
        UserError: If it does not, or they cannot.
    """
    # whose constructor checks the batches, and starts nothing
    TrainLoader(
        splits.train,
        recipe.augmentation,
        side=lambda epoch: splits.info.height,
        flip_allowed=splits.info.flip,
        batch_size=recipe.batch_size,
        micro_batch=recipe.micro_batch,
        ranks=share.size,
        seed=0,
    )
    if recipe.batch_size < 2 * _micro_batches(recipe, share):
        raise UserError("a batch of one image cannot train batch normalisation; use a larger batch_size or micro_batch")
    own = splits.info.height
    tested = recipe.sizes.test_side(own)
    weights = _shapes(architecture)
    for side in sorted({recipe.sizes.train_side(epoch, own) for epoch in range(recipe.epochs)} - {tested}):
        if _shapes(changed(architecture, {"image": _square(architecture, side)})) != weights:
            raise UserError(
                f"the recipe trains on images of {side} pixels and tests on {tested}, and this network's weights are "
                "for one size (its positions are those of a whole map); set sizes.train and sizes.test to the same, "
                "and sizes.progression to null"
            )


def _micro_batches(recipe: FullRecipe, share: Share) -> int:
    """Return the number of forward passes of an update, over all ranks."""
    return micro_batches(recipe.batch_size, recipe.micro_batch, share.size)


def _square(architecture: Architecture, side: int) -> Image:
    return Image(channels=architecture.image.channels, height=side, width=side)


def _shapes(architecture: Architecture) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: weight.shape for name, weight in build(architecture).state_dict().items()}
