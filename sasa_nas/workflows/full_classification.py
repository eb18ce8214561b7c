"""Full training of one classifier by a recipe, as a job of a training's session."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import SeedFolder, TrainingFolder, TrainingResult, TrainingSettings
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import changed
from sasa_nas.streaming.loader import TestLoader, TrainLoader
from sasa_nas.streaming.sources import ImageSource
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.first_weights import DRAWN, FirstWeights
from sasa_nas.training.full.evaluation import dtype_of, evaluate_streamed
from sasa_nas.training.full.ranks import ALONE, Ranks, connected, launched_ranks
from sasa_nas.training.full.trainer import FullMetrics
from sasa_nas.workflows.full_ranks import (
    FullTask,
    default_workers,
    follow,
    lead,
    rank_device,
    train_here,
    train_in_processes,
)
from sasa_nas.workflows.loading import load_network
from sasa_nas.workflows.observer import TrainingObserver


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
        share, settings = self.share, self.settings
        task = FullTask(
            architecture=self.architecture,
            recipe=self.recipe,
            dataset=settings.dataset,
            data_dir=settings.data_dir,
            image_size=settings.image_size,
            train_images=settings.train_images,
            device=settings.device,
            workers=share.workers_of_rank,
            seed=seed,
            place=place.path,
            inherited=None if self.first.weights is None else TrainingFolder(place.path.parent.parent).inherited,
            frozen=self.first.frozen,
        )
        if share.ranks.size > 1:
            lead(task, self.splits, share.ranks, progress)
        elif share.processes > 1:
            train_in_processes(task, share.processes, progress)
        else:
            train_here(task, self.splits, progress)

    def result(self, folder: TrainingFolder, observer: TrainingObserver) -> TrainingResult:
        """Measure the weights on disk on the validation and the test part."""
        observer.testing_started()
        seeds: list[SeedResult] = []
        test = self.splits.load_test()
        for seed in self.settings.seeds:
            network = load_network(self.architecture, folder.seed(seed).weights, self.device)
            on_validation, on_test = (self._score(network, part) for part in (self.splits.validation, test))
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
