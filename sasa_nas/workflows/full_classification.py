"""Full training of one classifier by a recipe, as a job of a training's session."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import SeedFolder, TrainingFolder, TrainingResult, TrainingSettings
from sasa_nas.run.training_records import Score, SeedResult
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import changed
from sasa_nas.streaming.loader import TestLoader, TrainLoader
from sasa_nas.streaming.sources import ImageSource
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.first_weights import DRAWN, FirstWeights
from sasa_nas.training.full.evaluation import dtype_of, evaluate_streamed
from sasa_nas.training.full.pace import FullPace
from sasa_nas.training.full.ranks import ALONE, Ranks, connected, launched_ranks
from sasa_nas.training.full.trainer import FullMetrics
from sasa_nas.workflows.estimate import Estimate, estimate_training
from sasa_nas.workflows.full_ranks import (
    follow,
    lead,
    lead_timing,
    time_here,
    time_in_processes,
    train_here,
    train_in_processes,
)
from sasa_nas.workflows.full_task import FullTask, default_workers, rank_device
from sasa_nas.workflows.loading import load_network
from sasa_nas.workflows.observer import TrainingObserver

TIMED_SECONDS = 4.0
"""Seconds for which the updates of a training are timed, beyond the first, before it begins."""


@dataclass(frozen=True)
class Share:
    """Division of a full training's work, which does not change its result.

    Attributes:
        processes: Processes of this machine that train together, each on a GPU of its own, if there are any.
        workers: Processes that read images, for each of these; None for the cores that are left.
        ranks: Place of this process among those of a launcher, to which it is connected.
    """

    processes: int = 1
    workers: int | None = None
    ranks: Ranks = ALONE

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self.ranks.size if self.ranks.size > 1 else self.processes

    @property
    def workers_of_rank(self) -> int:
        """Number of processes that read images for a rank."""
        return default_workers(self.size) if self.workers is None else self.workers

    def release(self, device: str) -> None:
        """Let the other ranks of a launcher go, once all is done.

        Args:
            device: Device of the settings.
        """
        self.ranks.told(None, rank_device(device, self.ranks))


UNDIVIDED = Share()
"""All work in this process, but for the reading of images."""


@contextmanager
def connected_share(share: Share, settings: TrainingSettings) -> Iterator[Share]:
    """Connect to the ranks that a launcher has started with this one, the first, inside a `with` block, if it has.

    Args:
        share: Division of the work as asked for.
        settings: Settings with the device and the recipe.

    Yields:
        The division of the work with these ranks.

    Raises:
        UserError: If several processes cannot share the work.
    """
    ranks = launched_ranks()
    full = isinstance(settings.recipe, FullRecipe)
    if not full and (share.size > 1 or ranks.size > 1):
        raise UserError("several processes train by a full recipe alone; give --recipe, see `sasa-nas list recipes`")
    if ranks.size == 1:
        yield share
        return
    if share.processes > 1:
        raise UserError("a launcher has started these processes already; leave out --gpus")
    with connected(ranks, rank_device(settings.device, ranks)):
        yield replace(share, ranks=ranks)


def follow_launched(device: str) -> None:
    """Take part in the trainings of a launcher's first process, until it has no more.

    Args:
        device: `auto`, `cpu` or `cuda`.

    Raises:
        UserError: If no launcher has started this process, or it cannot take part.
    """
    ranks = launched_ranks()
    if ranks.leads:
        raise UserError("no launcher has started this process as a follower of another: call train")
    place = rank_device(device, ranks)
    with connected(ranks, place):
        follow(ranks, place)


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
        if share.ranks.size > 1:
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
            batch_size=_most_images(recipe, self.share.size),
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


def _most_images(recipe: FullRecipe, ranks: int) -> int:
    """Return the most images of one forward pass."""
    return recipe.micro_batch or max(1, recipe.batch_size // ranks)


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
    if _most_images(recipe, share.size) < 2:
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


def _square(architecture: Architecture, side: int) -> Image:
    return Image(channels=architecture.image.channels, height=side, width=side)


def _shapes(architecture: Architecture) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: weight.shape for name, weight in build(architecture).state_dict().items()}
