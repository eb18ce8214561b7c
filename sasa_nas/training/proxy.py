"""The trainer of classifiers, with a result after every epoch."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sasa_nas.data.batches import Batches
from sasa_nas.data.splits import DatasetInfo, ImageSet, SearchSplits
from sasa_nas.errors import UserError
from sasa_nas.models.layout import channels_last, to_channels_last
from sasa_nas.space import Architecture
from sasa_nas.space.proxy import Recipe
from sasa_nas.training.evaluate import autocast, evaluate
from sasa_nas.training.first_weights import DRAWN, FirstWeights, first_network
from sasa_nas.training.loop import EpochLoop, NonFiniteLoss


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one epoch of training.

    Attributes:
        epoch: Number of epochs done, from 1.
        train_loss: Mean loss over the epoch's steps, with the recipe's label smoothing and augmentation.
        accuracy: Accuracy on the whole validation part, in [0, 1].
        validation_loss: Mean cross-entropy in nats, without label smoothing.
        seconds_train: Wall-clock time of the steps.
        seconds_evaluate: Wall-clock time of the validation.
    """

    epoch: int
    train_loss: float
    accuracy: float
    validation_loss: float
    seconds_train: float
    seconds_evaluate: float

    @property
    def headline(self) -> str:
        """Short text with the accuracy, for a line of progress."""
        return f"validation {100 * self.accuracy:.2f}%"


def proxy_batches(train: ImageSet, info: DatasetInfo, recipe: Recipe, seed: int) -> Batches:
    """Return the batches of a training by a proxy's recipe.

    Args:
        train: The train part, on the device of the training.
        info: Facts about the data set, such as the shift that its images bear.
        recipe: Recipe of the proxy.
        seed: Seed of the order and the augmentation.
    """
    return Batches(
        train,
        batch_size=recipe.batch_size,
        seed=seed,
        shift=info.shift if recipe.augment else 0,
        flip=info.flip and recipe.augment,
    )


def require_batches(recipe: Recipe, train: ImageSet) -> None:
    """Check that no batch would be a single example.

    Raises:
        UserError: If one would, as batch normalisation cannot train on it.
    """
    if min(recipe.batch_size, len(train)) < 2:
        raise UserError(
            f"a batch of one image cannot train batch normalisation (batch_size {recipe.batch_size}, "
            f"{len(train)} train images); use a batch_size and a train set of at least 2"
        )


class Trainer(EpochLoop[nn.Module, tuple[Tensor, Tensor], EpochMetrics]):
    """Trainer of a classifier by a recipe, with validation after every epoch.

    `seed` determines batches, augmentation and the model's random numbers (dropout); the caller draws the initial
    weights. On the CPU the same seed and weights give bit-identical results. The process's own random state is left
    unchanged.

    Args:
        model: A module from images (B, C, H, W) to logits (B, info.num_classes). It is moved to `device` and trained
            in place.
        train: The train part, at least two examples.
        validation: The validation part, at least one example.
        info: Facts with the augmentation: the largest shift, and whether images may be flipped.
        recipe: Epochs, batch size, rates.
        seed: Seed of batches, augmentation and dropout, non-negative.
        device: Device of weights and data.

    Raises:
        UserError: If a batch would hold a single example, on which batch normalisation cannot train.
    """

    def __init__(
        self,
        model: nn.Module,
        train: ImageSet,
        validation: ImageSet,
        info: DatasetInfo,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        require_batches(recipe, train)
        model = to_channels_last(model.to(device))
        batches = proxy_batches(train.to(device), info, recipe, seed)
        super().__init__(
            model,
            batches,
            epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            seed=seed,
            device=device,
        )
        self.validation = validation.to(device)
        self.recipe = recipe

    def _losses(self, batch: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
        """Yield the cross-entropy, (1,)."""
        images, labels = batch
        with autocast(self.device):
            logits = self.model(channels_last(images))
        yield F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing).view(1)

    def _validate(self, terms: list[float], seconds: float) -> EpochMetrics:
        """Measure the model on the whole validation part.

        Raises:
            NonFiniteLoss: If its loss is not finite, as no train loss shows the effect of the last step.
        """
        start = time.perf_counter()
        result = evaluate(self.model, self.validation, batch_size=max(256, self.recipe.batch_size))
        if not math.isfinite(result.loss):
            raise NonFiniteLoss(f"validation loss is {result.loss} after epoch {self.epoch}")
        return EpochMetrics(
            epoch=self.epoch,
            train_loss=terms[0],
            accuracy=result.accuracy,
            validation_loss=result.loss,
            seconds_train=seconds,
            seconds_evaluate=time.perf_counter() - start,
        )


def new_trainer(
    architecture: Architecture,
    splits: SearchSplits,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    first: FirstWeights = DRAWN,
) -> Trainer:
    """Return the trainer of a network before its first step.

    Args:
        architecture: The network.
        splits: The data set; its train and validation parts are used.
        recipe: Epochs, batch size, rates.
        seed: Seed of initial weights, batches, augmentation and dropout.
        device: Device of weights and data.
        first: Weights that it begins with, and those of them that it keeps.

    Raises:
        UserError: If a batch would hold a single example, or more stages are to be frozen than there are.
    """
    network = first_network(architecture, first, seed)
    return Trainer(network, splits.train, splits.validation, splits.info, recipe, seed=seed, device=device)
