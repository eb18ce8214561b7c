"""Seconds of a full training, from a moment of it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import torch

from sasa_nas.streaming.loader import Batch, TestLoader
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.freezing import set_training_mode
from sasa_nas.training.full.evaluation import evaluate_streamed
from sasa_nas.training.full.trainer import FullTrainer
from sasa_nas.training.pace import Pace, measure_pace
from sasa_nas.training.seeding import seeded


@dataclass(frozen=True)
class FullPace:
    """Pace of a full training on its device, with its loader.

    Attributes:
        updates: Number of updates of an epoch.
        sides: Sides of train images whose updates were timed: the smallest and the largest of the recipe.
        paces: Pace of the updates at each of them.
        batches: Number of validation batches; 0 if nothing is validated.
        validation: Pace of these.
    """

    updates: int
    sides: tuple[int, ...]
    paces: tuple[Pace, ...]
    batches: int
    validation: Pace

    def epoch(self, side: int) -> float:
        """Return the seconds of an epoch with its validation, of which the first one takes `start` more.

        Args:
            side: Side of the train images, between which the seconds are linear in their area.
        """
        small, large = self.sides[0], self.sides[-1]
        share = (side**2 - small**2) / (large**2 - small**2) if large > small else 0.0
        update = self.paces[0].each + share * (self.paces[-1].each - self.paces[0].each)
        return self.updates * update + self.validation.seconds(self.batches)

    @property
    def start(self) -> float:
        """Seconds that a training takes before its first update, when it starts what reads images."""
        return max(0.0, self.paces[0].first - self.paces[0].each)


def measure_full_pace(trainer: FullTrainer, splits: StreamedSplits, *, limit: float) -> FullPace:
    """Train for a moment, validate a few batches, and return the pace; every rank calls this.

    The trainer is of no use afterwards.

    Args:
        trainer: A trainer before its first update, which is closed.
        splits: Its data.
        limit: About the most seconds to spend at each size of the images and in validation, beyond the first update.
    """
    recipe, ranks, device = trainer.recipe, trainer.ranks, trainer.device
    side = {recipe.sizes.train_side(epoch, splits.info.height): epoch for epoch in range(recipe.epochs)}
    sides = tuple(sorted({min(side), max(side)}))

    def agreed(seconds: float) -> float:
        return ranks.total(torch.tensor(seconds, device=device)).item() / ranks.size

    with closing(trainer), seeded(0):
        set_training_mode(trainer.model)
        paces = tuple(
            measure_pace(
                _updates(trainer, side[each]),
                trainer.step,
                total=trainer.updates * recipe.epochs,
                limit=limit,
                device=device,
                agreed=agreed,
            )
            for each in sides
        )
        batches = 0 if trainer.validation is None else len(trainer.validation)
        validation = Pace(0.0, 0.0)
        if trainer.validation is not None:
            validation = _validation_pace(trainer, trainer.validation, splits, limit / 2)
    return FullPace(trainer.updates, sides, paces, batches, validation)


def _validation_pace(trainer: FullTrainer, loader: TestLoader, splits: StreamedSplits, limit: float) -> Pace:
    """Validate a few batches, and return the pace."""
    recipe = trainer.recipe
    standardisation = splits.standardisation.to(trainer.device)
    return measure_pace(
        iter(loader),
        lambda batch: evaluate_streamed(
            trainer.trained, [batch], standardisation, precision=recipe.precision, flip=recipe.validation.flip
        ),
        total=len(loader) * recipe.epochs,
        limit=limit,
        device=trainer.device,
    )


def _updates(trainer: FullTrainer, epoch: int) -> Iterator[list[Batch]]:
    """Yield the micro-batches of the updates of an epoch."""
    parts: list[Batch] = []
    for part in trainer.batches.epoch(epoch):
        parts.append(part)
        if len(parts) == trainer.batches.parts:
            yield parts
            parts = []
