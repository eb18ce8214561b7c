"""The loop over epochs and steps that all trainers share."""

import operator
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from sasa_nas.data.batches import epoch_seed
from sasa_nas.training.freezing import set_training_mode
from sasa_nas.training.memory import keep_freed_memory
from sasa_nas.training.optim import adamw, learning_rate_at, set_learning_rate
from sasa_nas.training.seeding import seeded

CLIP_NORM = 1.0
"""Largest Euclidean norm of all gradients together."""

CHECK_EVERY = 100
"""Steps between checks of the losses, each of which synchronises with the device."""

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)
Metrics = TypeVar("Metrics")


class NonFiniteLoss(Exception):
    """Error that training diverged; the message names the step and the value in one line."""


class EpochBatches(Protocol[Batch_co]):
    """Batches of the train part."""

    def __len__(self) -> int:
        """Return the number of batches per epoch."""

    def epoch(self, epoch: int) -> Iterator[Batch_co]:
        """Yield the batches of one epoch, numbered from 0; they depend on its number and a seed alone."""


class EpochReport(Protocol):
    """Metrics of an epoch of any trainer, for observers."""

    @property
    def epoch(self) -> int:
        """Number of epochs done, from 1."""

    @property
    def train_loss(self) -> float:
        """Mean train loss over the epoch's steps."""

    @property
    def headline(self) -> str:
        """Short text with the accuracy on the validation split."""

    @property
    def seconds_train(self) -> float:
        """Wall-clock time of the steps."""

    @property
    def seconds_evaluate(self) -> float:
        """Wall-clock time of the validation."""


class EpochLoop(ABC, Generic[Model, Batch, Metrics]):
    """Training loop with AdamW, which can be resumed after any epoch.

    The process's own random state is left unchanged. On a CPU the process keeps freed memory from then on; see
    `keep_freed_memory`.

    Args:
        model: The model, on `device`; it is trained in place.
        batches: Batches of the train part.
        epochs: Number of epochs of the whole training.
        learning_rate: Peak learning rate; see `learning_rate_at`.
        weight_decay: Weight decay; see `adamw`.
        seed: Seed of the model's random numbers (dropout); non-negative.
        device: Device of weights and data.
    """

    def __init__(
        self,
        model: Model,
        batches: EpochBatches[Batch],
        *,
        epochs: int,
        learning_rate: float,
        weight_decay: float,
        seed: int,
        device: torch.device,
    ) -> None:
        if device.type == "cpu":
            keep_freed_memory()
        self.model = model
        self.batches = batches
        self.total_epochs = epochs
        self.learning_rate = learning_rate
        self.seed = seed
        self.device = device
        self.epoch = 0
        self.optimizer = adamw(model, learning_rate=learning_rate, weight_decay=weight_decay)
        # kept, because to walk a module's tree at every step takes longer than to clip the gradients
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]

    @abstractmethod
    def _losses(self, batch: Batch) -> Iterator[Tensor]:
        """Yield losses of a batch, as a rule one: their terms, (T,), the sum of all of which is minimised.

        The gradient of each is computed before the next is asked for: one forward pass is in memory at a time.
        """

    @abstractmethod
    def _validate(self, terms: list[float], seconds: float) -> Metrics:
        """Return the metrics of the finished epoch.

        Args:
            terms: Terms of the loss, each a mean over the steps.
            seconds: Wall-clock time of the steps.
        """

    def epochs(self) -> Iterator[Metrics]:
        """Train the remaining epochs.

        Yields:
            The metrics of each epoch when it ends.

        Raises:
            NonFiniteLoss: See `run_epoch`.
        """
        while self.epoch < self.total_epochs:
            yield self.run_epoch()

    def run_epoch(self) -> Metrics:
        """Train one epoch and validate.

        Raises:
            NonFiniteLoss: If a loss is infinite or not a number. The model is of no use afterwards.
            ValueError: If all epochs are done already.
        """
        if self.epoch >= self.total_epochs:
            raise ValueError(f"all {self.total_epochs} epochs of the recipe are done")
        start = time.perf_counter()
        # The model's own draws, apart from the batches' and the same however often training was resumed.
        with seeded(epoch_seed(self.seed, self.epoch, stream=1)):
            terms = self._train()
        seconds = time.perf_counter() - start
        self.epoch += 1
        return self._validate(terms, seconds)

    def step(self, batch: Batch) -> Tensor:
        """Make one update at the optimiser's learning rate and return the terms of the loss, without synchronisation.

        The model is in training mode.
        """
        for parameter in self._trained:
            parameter.grad = None
        losses: list[Tensor] = []
        for terms in self._losses(batch):
            terms.sum().backward()  # type: ignore[no-untyped-call]
            losses.append(terms.detach())
        nn.utils.clip_grad_norm_(self._trained, CLIP_NORM)
        self.optimizer.step()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum(0)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for resuming, of tensors, numbers and plain containers only.

        Once saved, `torch.load(..., weights_only=True)` can read it. Tensors are not copied: save or copy them before
        training continues.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from another trainer's state, exactly if seed, data and recipe are the same.

        Args:
            state: State that `state_dict` returned.

        Raises:
            ValueError: If the optimiser's state is another model's.
        """
        self.model.load_state_dict(state["model"])
        # torch takes any options, which here follow from the recipe, and averages of any shape
        options = [dict(group) for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, own in zip(self.optimizer.param_groups, options, strict=True):
            group.clear()
            group.update(own)
        for parameter, averages in self.optimizer.state.items():
            shapes = {name: getattr(value, "shape", None) for name, value in averages.items()}
            if shapes != {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}:
                raise ValueError(f"its averages are not of a weight {tuple(parameter.shape)}")
        self.epoch = operator.index(state["epoch"])

    def _train(self) -> list[float]:
        """Train on the train part once and return the mean of every term of the loss over the steps."""
        steps = len(self.batches)
        total_steps = self.total_epochs * steps
        losses: list[Tensor] = []
        set_training_mode(self.model)
        for step, batch in enumerate(self.batches.epoch(self.epoch)):
            rate = learning_rate_at(self.epoch * steps + step, total_steps=total_steps, peak=self.learning_rate)
            set_learning_rate(self.optimizer, rate)
            losses.append(self.step(batch))
            if (step + 1) % CHECK_EVERY == 0:
                self._check(losses)
        self._check(losses)
        means: list[float] = torch.stack(losses).mean(0).tolist()
        return means

    def _check(self, losses: list[Tensor]) -> None:
        """Raise NonFiniteLoss for the first of the epoch's losses that is not finite."""
        totals = torch.stack(losses).sum(1)
        finite = totals.isfinite()
        if not finite.all():
            step = int(finite.int().argmin())
            raise NonFiniteLoss(f"train loss is {totals[step].item()} at step {step + 1} of epoch {self.epoch + 1}")
