"""The trainer of detectors, with a result after every epoch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sasa_nas.detection.data.batches import BoxBatches, BoxedExample
from sasa_nas.detection.data.boxes import BoxedSet, BoxedSplits
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network import DetectionNetwork
from sasa_nas.detection.network.plan import plan_pyramid
from sasa_nas.detection.recipe import DetectionRecipe
from sasa_nas.detection.training.average_precision import as_input, evaluate_detector
from sasa_nas.errors import UserError
from sasa_nas.training.evaluate import autocast
from sasa_nas.training.loop import EpochLoop, NonFiniteLoss


@dataclass(frozen=True)
class DetectionMetrics:
    """Metrics of one epoch of a detector's training.

    Attributes:
        epoch: Epochs done, from 1.
        train_loss: Mean over the epoch's steps of the two losses together.
        class_loss: The focal loss of the classes (Lin et al. 2017, arXiv 1708.02002, equation 5).
        box_loss: The L1 loss of the boxes' offsets.
        ap: COCO's average precision on the whole validation part, in [0, 1].
        ap50: The same at the overlap 0.5.
        seconds_train: Wall-clock time of the steps.
        seconds_evaluate: Wall-clock time of the validation.
    """

    epoch: int
    train_loss: float
    class_loss: float
    box_loss: float
    ap: float
    ap50: float
    seconds_train: float
    seconds_evaluate: float

    @property
    def headline(self) -> str:
        """Short text with the average precision, for a line of progress."""
        return f"validation mAP {100 * self.ap:.2f}%"


def require_norm_batches(detector: Detector, recipe: DetectionRecipe, train: BoxedSet) -> None:
    """Check that no batch of the coarsest level is a single cell.

    Raises:
        UserError: If one is, as batch normalisation cannot train on it.
    """
    height, width = plan_pyramid(detector).levels[-1].size
    if min(recipe.batch_size, len(train)) * height * width < 2:
        raise UserError(
            f"a batch of one image whose coarsest level is one place cannot train batch normalisation (batch_size "
            f"{recipe.batch_size}, {len(train)} train images); use larger batches or a larger image_size"
        )


class DetectionTrainer(EpochLoop[DetectionNetwork, list[BoxedExample], DetectionMetrics]):
    """Trainer of a detector by a recipe, with its average precision after every epoch.

    `seed` rules batches and augmentation; the caller draws the initial weights under a seed of its own choice. On
    the CPU the same seed and weights give bit-identical numbers. The process's own random state is left alone.

    Args:
        network: Network for the data set's classes, which is moved to `device` and trained in place.
        splits: Train and validation part of the data set.
        recipe: Epochs, batch size, rates.
        seed: Seed of the order and the augmentation of the data, non-negative.
        device: Device of the network and its training.

    Raises:
        UserError: As `require_norm_batches`.
    """

    def __init__(
        self,
        network: DetectionNetwork,
        splits: BoxedSplits,
        recipe: DetectionRecipe,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        require_norm_batches(network.detector, recipe, splits.train)
        super().__init__(
            network.to(device),
            BoxBatches(splits.train, batch_size=recipe.batch_size, seed=seed, flip=recipe.augment),
            epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            seed=seed,
            device=device,
        )
        self.splits = splits
        self.recipe = recipe

    def _losses(self, batch: list[BoxedExample]) -> Iterator[Tensor]:
        """Yield the losses of classes and of boxes, (2,)."""
        images = [as_input(example.pixels, self.device) for example in batch]
        targets = [
            {"boxes": example.boxes.to(self.device), "labels": example.labels.to(self.device)} for example in batch
        ]
        with autocast(self.device):
            losses = self.model(images, targets)
        yield torch.stack((losses["classification"], losses["bbox_regression"]))

    def _validate(self, terms: list[float], seconds: float) -> DetectionMetrics:
        """Measure average precision on the whole validation part.

        Raises:
            NonFiniteLoss: If a weight is not finite: the last step can break weights that no train loss shows.
        """
        for name, parameter in self.model.named_parameters():
            if not parameter.isfinite().all():
                raise NonFiniteLoss(f"the weights of {name} are not finite after epoch {self.epoch}")
        start = time.perf_counter()
        precision = evaluate_detector(
            self.model,
            self.splits.validation,
            self.splits.categories,
            batch_size=self.recipe.batch_size,
            device=self.device,
        )
        class_loss, box_loss = terms
        return DetectionMetrics(
            epoch=self.epoch,
            train_loss=class_loss + box_loss,
            class_loss=class_loss,
            box_loss=box_loss,
            ap=precision.ap,
            ap50=precision.ap50,
            seconds_train=seconds,
            seconds_evaluate=time.perf_counter() - start,
        )
