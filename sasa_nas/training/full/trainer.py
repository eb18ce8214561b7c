"""The trainer of full trainings: any recipe, in one process or several, resumed after any update."""

import math
import operator
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sasa_nas.models.layout import channels_last, to_channels_last
from sasa_nas.recipes import FullRecipe
from sasa_nas.streaming.loader import Batch, TestLoader, TrainLoader
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.evaluate import Evaluation
from sasa_nas.training.freezing import set_training_mode
from sasa_nas.training.full.averaging import AveragedModel
from sasa_nas.training.full.erasing import erase
from sasa_nas.training.full.evaluation import autocast, dtype_of, evaluate_streamed, inputs_of
from sasa_nas.training.full.losses import make_loss
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.full.mixing import mix
from sasa_nas.training.full.norms import set_norm_decay, without_running_statistics
from sasa_nas.training.full.optimizers import load_averages, make_optimizer
from sasa_nas.training.full.randomness import batch_generator, seed_model
from sasa_nas.training.full.ranks import ALONE, Ranks
from sasa_nas.training.full.schedules import factor_at
from sasa_nas.training.loop import CHECK_EVERY, NonFiniteLoss
from sasa_nas.training.optim import set_learning_rate
from sasa_nas.training.seeding import seeded


class FullTrainer:
    """Trainer of a classifier by a recipe.

    All results are functions of the weights, the data, the recipe and the seed: neither the number of the loader's
    processes nor an interruption changes them. Several ranks do the same work as one that accumulates
    gradients, if batch normalisation is frozen; it sees the images of a micro-batch. Any number of ranks up to
    `divided_for` does the same work, to rounding: random numbers depend on the place of a micro-batch, each counts by
    its images, and batch normalisation keeps the statistics of the first ones.

    Args:
        model: A module from images (B, C, H, W) to logits. It is moved to `device` and trained in place.
        splits: The data; train and validation parts are used, or the former alone if there is no other.
        recipe: The recipe.
        seed: Seed of orders, augmentation and the model's random numbers, non-negative.
        device: Device of this process.
        ranks: Place of this process among those that train together; they are connected.
        workers: Processes that read images, for this one; 0 reads them in this process.
        divided_for: Number of ranks for which a batch is divided into micro-batches, at least that of `ranks`;
            default: that of `ranks`.
        check_every: Updates between checks of the losses, for which all ranks and the device wait.

    Raises:
        UserError: If the batch is smaller than the number of ranks, or larger than the train part.
    """

    def __init__(
        self,
        model: nn.Module,
        splits: StreamedSplits,
        recipe: FullRecipe,
        *,
        seed: int,
        device: torch.device,
        ranks: Ranks = ALONE,
        workers: int = 0,
        divided_for: int | None = None,
        check_every: int = CHECK_EVERY,
    ) -> None:
        self._check_every = check_every
        self.recipe, self.seed, self.device, self.ranks = recipe, seed, device, ranks
        self.dtype = dtype_of(recipe.precision)
        self.model = to_channels_last(model.to(device, self.dtype))
        if recipe.norm_decay is not None:
            set_norm_decay(self.model, recipe.norm_decay)
        self._parallel = ranks.parallel(self.model, device)
        self.optimizer = make_optimizer(self.model, recipe.optimizer)
        self.average = None if recipe.average is None else AveragedModel(self.model, recipe.average)
        self.batches = TrainLoader(
            splits.train,
            recipe.augmentation,
            side=lambda epoch: recipe.sizes.train_side(epoch, splits.info.height),
            flip_allowed=splits.info.flip,
            batch_size=recipe.batch_size,
            micro_batch=recipe.micro_batch,
            rank=ranks.rank,
            ranks=ranks.size,
            divided_for=divided_for,
            seed=seed,
            workers=workers,
        )
        self.validation: TestLoader | None = None
        if splits.validation is not None:
            self.validation = TestLoader(
                splits.validation,
                recipe.sizes,
                batch_size=self.batches.largest,
                rank=ranks.rank,
                ranks=ranks.size,
                workers=workers,
            )
        self._standardisation = splits.standardisation.to(device)
        self._classes = splits.info.num_classes
        self._loss = make_loss(recipe.loss, self._classes)
        self.epoch = 0
        self.update = 0
        """Updates of the current epoch that are done."""
        self._losses = 0.0
        """Sum of their losses."""
        self._unreadable = 0

    @property
    def updates(self) -> int:
        """Number of updates of an epoch."""
        return len(self.batches)

    @property
    def trained(self) -> nn.Module:
        """The model to measure and to keep: the moving average, if the recipe has one."""
        return self.model if self.average is None else self.average.model

    def epochs(
        self, checked: Callable[[], None] = lambda: None, stepped: Callable[[], None] = lambda: None
    ) -> Iterator[FullMetrics]:
        """Train what is left of the epochs.

        Args:
            checked: Callback inside an epoch, whenever its losses have been checked; the state may be kept then.
            stepped: Callback after every update, of which `update` is the number.

        Yields:
            The metrics of each epoch when it ends.

        Raises:
            NonFiniteLoss: If a loss is infinite or not a number, or a weight is that is not validated. The model is of
                no use afterwards.
            UserError: If too many images cannot be read.
        """
        while self.epoch < self.recipe.epochs:
            start = time.perf_counter()
            with seeded(0):
                self._train(checked, stepped)
            seconds = time.perf_counter() - start
            yield self._end_epoch(seconds)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for resuming, of tensors, numbers and plain containers only; tensors are not copied."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "epoch": self.epoch,
            "update": self.update,
            "losses": self._losses,
            "unreadable": self._unreadable,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from another trainer's state, exactly if seed, data and recipe are the same.

        Raises:
            ValueError: If it is the state of another training.
        """
        self.model.load_state_dict(state["model"])
        load_averages(self.optimizer, state["optimizer"])
        if (self.average is None) != (state["average"] is None):
            raise ValueError("it is of a recipe with another moving average")
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.epoch, self.update = operator.index(state["epoch"]), operator.index(state["update"])
        if not 0 <= self.update < self.updates:
            raise ValueError(f"an epoch has {self.updates} updates, and {self.update} are done")
        self._losses, self._unreadable = float(state["losses"]), operator.index(state["unreadable"])

    def close(self) -> None:
        """Stop the processes that read images."""
        self.batches.close()

    def _train(self, checked: Callable[[], None], stepped: Callable[[], None]) -> None:
        """Train from the current update to the end of the epoch."""
        set_training_mode(self._parallel)
        losses: list[Tensor] = []
        parts: list[Batch] = []
        for part in self.batches.epoch(self.epoch, self.update):
            parts.append(part)
            if len(parts) < self.batches.parts:
                continue
            losses.append(self.step(parts))
            self._unreadable += sum(each.unreadable for each in parts)
            parts = []
            self.update += 1
            stepped()
            ended = self.update == self.updates
            if ended or len(losses) == self._check_every:
                self._count(losses)
                if not ended:
                    checked()

    def step(self, parts: list[Batch]) -> Tensor:
        """Make one update, and return its loss without synchronisation: its mean over ranks is that over images.

        Args:
            parts: The micro-batches of the update on this rank; the model is in training mode.
        """
        recipe = self.recipe
        done = self.epoch * self.updates + self.update
        factor = factor_at(recipe.schedule, done, steps_per_epoch=self.updates, epochs=recipe.epochs)
        set_learning_rate(self.optimizer, recipe.optimizer.learning_rate * factor)
        self.optimizer.zero_grad(set_to_none=True)
        losses: list[Tensor] = []
        for i, part in enumerate(parts):
            # gradients are added up on this rank, and over ranks with the last part
            with self._summing_alone() if i + 1 < len(parts) else nullcontext():
                # which the ranks' gradients are averaged of; exactly the number of parts where all are equal
                share = recipe.batch_size / (len(part.labels) * self.ranks.size)
                loss = self._loss_of(part, self.batches.first + i) / share
                loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.model, done + 1)
        return torch.stack(losses).sum()

    def _summing_alone(self) -> AbstractContextManager[None]:
        parallel = self._parallel
        return parallel.no_sync() if isinstance(parallel, DistributedDataParallel) else nullcontext()

    def _loss_of(self, part: Batch, number: int) -> Tensor:
        """Return the loss of a micro-batch, whose random numbers depend on its place in the training alone."""
        place = self.epoch * self.updates + self.update
        seed_model(self.seed, place, number, self.device)
        generator = batch_generator(self.seed, place, number)
        augmentation = self.recipe.augmentation
        images, targets = inputs_of(part, self._standardisation, self.dtype)
        if augmentation.erasing is not None:
            images = erase(images, augmentation.erasing, generator)
        if augmentation.mixing is not None:
            images, targets = mix(images, targets, augmentation.mixing, self._classes, generator)
        # running statistics are those of the first rank: with fewer ranks, too, of the parts that it has with all
        kept = nullcontext() if number < self.batches.of_first else without_running_statistics(self.model)
        with kept, autocast(self.device, self.recipe.precision):
            logits = self._parallel(channels_last(images))
        return self._loss(logits.to(self.dtype), targets)

    def _count(self, losses: list[Tensor]) -> None:
        """Add losses to the epoch's sum, and empty the list.

        Raises:
            NonFiniteLoss: If one of them is not finite on any rank.
        """
        means = self.ranks.total(torch.stack(losses)) / self.ranks.size
        finite = means.isfinite()
        if not finite.all():
            first = int(finite.int().argmin())
            step = self.update - len(losses) + first + 1
            raise NonFiniteLoss(f"train loss is {means[first].item()} at step {step} of epoch {self.epoch + 1}")
        self._losses += means.double().sum().item()
        losses.clear()

    def _end_epoch(self, seconds: float) -> FullMetrics:
        start = time.perf_counter()
        # each rank has its own running statistics; those of the first are kept
        self.ranks.same(list(self.trained.buffers()))
        result = None if self.validation is None else self._evaluate(self.validation)
        if result is not None and not math.isfinite(result.loss):
            raise NonFiniteLoss(f"validation loss is {result.loss} after epoch {self.epoch + 1}")
        # no train loss shows the effect of the last update
        if result is None and not _all_finite(self.trained):
            raise NonFiniteLoss(f"a weight is not finite after epoch {self.epoch + 1}")
        self.epoch += 1
        unreadable = self.ranks.total(torch.tensor(self._unreadable, device=self.device))
        metrics = FullMetrics(
            epoch=self.epoch,
            train_loss=self._losses / self.updates,
            accuracy=None if result is None else result.accuracy,
            validation_loss=None if result is None else result.loss,
            seconds_train=seconds,
            seconds_evaluate=time.perf_counter() - start,
            unreadable=int(unreadable.item()),
        )
        self.update, self._losses, self._unreadable = 0, 0.0, 0
        return metrics

    def _evaluate(self, validation: TestLoader) -> Evaluation:
        """Measure the model to keep on the whole validation part, with all ranks."""
        return evaluate_streamed(
            self.trained,
            validation,
            self._standardisation,
            precision=self.recipe.precision,
            flip=self.recipe.validation.flip,
            ranks=self.ranks,
        )


def _all_finite(model: nn.Module) -> bool:
    tensors = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())
