"""The proxy trainer: one small network, one data set, one recipe, one result an epoch."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sasa_nas.data.batches import Batches, epoch_seed
from sasa_nas.data.splits import DatasetInfo, ImageSet
from sasa_nas.errors import UserError
from sasa_nas.space.proxy import Recipe
from sasa_nas.train.evaluate import autocast, evaluate, on_device
from sasa_nas.train.loop import NonFiniteLoss, train_epoch
from sasa_nas.train.optim import adamw
from sasa_nas.train.seeding import seeded


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch of training gave.

    Attributes:
        epoch: Epochs done, from 1.
        train_loss: Mean over the epoch's steps, with the recipe's label smoothing and augmentation.
        accuracy: On the whole validation part, in [0, 1].
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


def require_batches(recipe: Recipe, train: ImageSet) -> None:
    """Raises where batches would hold a single example.

    Raises:
        UserError: Batch normalisation cannot train on one.
    """
    if min(recipe.batch_size, len(train)) < 2:
        raise UserError(
            f"a batch of one image cannot train batch normalisation (batch_size {recipe.batch_size}, "
            f"{len(train)} train images); use a batch_size and a train set of at least 2"
        )


class Trainer:
    """Trains a built network by a recipe and validates it after every epoch.

    `seed` rules batches, augmentation and whatever the model draws (dropout); the caller draws the initial
    weights under a seed of its own choice. On the CPU the same seed and weights give bit-identical numbers.
    The process's own random state is left alone.

    Args:
        model: Maps (B, C, H, W) to logits (B, info.num_classes). It is moved to `device` and trained in place.
        train: At least two examples.
        validation: At least one example.
        info: Says how far images may shift and whether they may flip.
        recipe: Epochs, batch size, rates.
        seed: Non-negative.
        device: Where everything lives and runs.

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
        if device.type == "cuda":
            self.model: nn.Module = model.to(device).to(memory_format=torch.channels_last)
        else:
            self.model = model.to(device)
        self.validation = validation.to(device)
        self.recipe = recipe
        self.seed = seed
        self.device = device
        self.epoch = 0
        self.batches = Batches(
            train.to(device),
            batch_size=recipe.batch_size,
            seed=seed,
            shift=info.shift if recipe.augment else 0,
            flip=info.flip and recipe.augment,
        )
        self.optimizer = adamw(
            self.model,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            device=device,
        )

    def epochs(self) -> Iterator[EpochMetrics]:
        """Trains the epochs that the recipe still asks for.

        Yields:
            The metrics of each, as it ends.

        Raises:
            NonFiniteLoss: As `run_epoch`.
        """
        while self.epoch < self.recipe.epochs:
            yield self.run_epoch()

    def run_epoch(self) -> EpochMetrics:
        """Trains one epoch and validates.

        Raises:
            NonFiniteLoss: If a loss is infinite or not a number. The model is of no use afterwards.
            ValueError: If the recipe's epochs are done already.
        """
        if self.epoch >= self.recipe.epochs:
            raise ValueError(f"all {self.recipe.epochs} epochs of the recipe are done")
        start = time.perf_counter()
        # The model's own draws, apart from the batches' and the same however often training was resumed.
        with seeded(epoch_seed(self.seed, self.epoch, stream=1)):
            train_loss = self._train()
        middle = time.perf_counter()
        result = evaluate(self.model, self.validation, batch_size=max(256, self.recipe.batch_size))
        end = time.perf_counter()
        self.epoch += 1
        metrics = EpochMetrics(
            epoch=self.epoch,
            train_loss=train_loss,
            accuracy=result.accuracy,
            validation_loss=result.loss,
            seconds_train=middle - start,
            seconds_evaluate=end - middle,
        )
        # The very last step can break weights that no further train loss would show.
        if not math.isfinite(result.loss):
            raise NonFiniteLoss(f"validation loss is {result.loss} after epoch {self.epoch}")
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs; tensors, numbers and plain containers only.

        `torch.load(..., weights_only=True)` reads what `torch.save` makes of it. Tensors are the live ones:
        save or copy them before training on.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another trainer's state, exactly where seed, data and recipe are the same.

        Args:
            state: From `state_dict`.
        """
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])

    def _train(self) -> float:
        """One pass over the train part; returns the mean loss of its steps."""
        (loss,) = train_epoch(
            self.model,
            self.optimizer,
            self.batches.epoch(self.epoch),
            self._loss,
            steps=len(self.batches),
            epoch=self.epoch,
            epochs=self.recipe.epochs,
            peak=self.recipe.learning_rate,
        )
        return loss

    def _loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The one term of a batch's loss, (1,)."""
        images, labels = batch
        with autocast(self.device):
            logits = self.model(on_device(images))
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing).view(1)
