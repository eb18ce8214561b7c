"""The trainer of a supernet."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sasa_nas.data.batches import epoch_seed
from sasa_nas.data.splits import SearchSplits
from sasa_nas.models.layout import channels_last, to_channels_last
from sasa_nas.space.proxy import Recipe
from sasa_nas.supernet.cover import Cover, Proxies
from sasa_nas.supernet.network import Supernet
from sasa_nas.supernet.paths import FairPaths
from sasa_nas.training.evaluate import autocast
from sasa_nas.training.loop import EpochLoop
from sasa_nas.training.proxy import proxy_batches, require_batches
from sasa_nas.training.seeding import seeded

_STREAM = 3
"""Number of the use of random numbers: the paths, apart from batches and dropout."""


@dataclass(frozen=True)
class SupernetMetrics:
    """Metrics of one epoch of a supernet.

    Attributes:
        epoch: Number of epochs done, from 1.
        train_loss: Mean loss over the epoch's steps and their paths.
        seconds_train: Wall-clock time of the steps.
    """

    epoch: int
    train_loss: float
    seconds_train: float

    @property
    def headline(self) -> str:
        """Short text with the train loss, for a line of progress: paths are judged after the last epoch."""
        return f"train loss {self.train_loss:.3f}"

    @property
    def seconds_evaluate(self) -> float:
        """Wall-clock time of the validation, which there is none of between epochs."""
        return 0.0


class SupernetTrainer(EpochLoop[Supernet, tuple[Tensor, Tensor], SupernetMetrics]):
    """Trainer of a supernet: every batch is seen by several paths, and their mean gradient makes one update.

    The loss is plain cross-entropy, with the recipe's label smoothing. `seed` determines weights, batches and paths.

    Args:
        proxies: The networks of the space.
        cover: The parts of its networks.
        splits: The data set; its train part is used.
        recipe: Epochs, batch size, rates.
        seed: Seed, non-negative.
        device: Device of weights and data.

    Raises:
        UserError: If a batch would hold a single example, on which batch normalisation cannot train.
    """

    def __init__(
        self,
        proxies: Proxies,
        cover: Cover,
        splits: SearchSplits,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        require_batches(recipe, splits.train)
        with seeded(seed):
            supernet = Supernet(cover.designs)
        batches = proxy_batches(splits.train.to(device), splits.info, recipe, seed)
        super().__init__(
            to_channels_last(supernet.to(device)),
            batches,
            epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            seed=seed,
            device=device,
        )
        self.recipe = recipe
        self._proxies, self._cover = proxies, cover

    def _train(self) -> list[float]:
        """Train on the train part once; the epoch's paths depend on the seed and its number alone."""
        generator = random.Random(epoch_seed(self.seed, self.epoch, stream=_STREAM))
        self._paths = FairPaths(self._proxies, self._cover.operators, generator)
        return super()._train()

    def _losses(self, batch: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
        """Yield the cross-entropy of each of the next paths over their number, (1,).

        Their sum is a mean, so that the gradient is clipped as that of a single network is.
        """
        images, labels = batch
        images = channels_last(images)
        designs = self._paths.together()
        for design in designs:
            path = self.model.path(design)
            with autocast(self.device):
                logits = path(images)
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
            yield loss.view(1) / len(designs)

    def _validate(self, terms: list[float], seconds: float) -> SupernetMetrics:
        """Return the metrics; paths are judged after the last epoch."""
        return SupernetMetrics(epoch=self.epoch, train_loss=terms[0], seconds_train=seconds)
