"""The loop over epochs and steps that all trainers share."""

import operator
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from sasa_nas.data.batches import epoch_seed
from sasa_nas.training.memory import keep_freed_memory
from sasa_nas.training.optim import adamw, learning_rate_at, set_learning_rate
from sasa_nas.training.seeding import seeded

CLIP_NORM = 1.0
"""Largest Euclidean norm of all gradients together."""

CHECK_EVERY = 100
"""Steps between looks at the losses: each one makes the host wait for the device."""

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)
Metrics = TypeVar("Metrics")


class NonFiniteLoss(Exception):
    """Training diverged; the message says in one line where and to what value."""


class EpochBatches(Protocol[Batch_co]):
    """The train part in batches."""

    def __len__(self) -> int:
        """Batches an epoch."""

    def epoch(self, epoch: int) -> Iterator[Batch_co]:
        """The batches of one epoch, numbered from 0; they depend on its number and a seed alone."""


class EpochReport(Protocol):
    """Metrics of any trainer's epoch, as observers see them."""

    @property
    def epoch(self) -> int:
        """Epochs done, from 1."""

    @property
    def train_loss(self) -> float:
        """Mean over the epoch's steps."""

    @property
    def headline(self) -> str:
        """Accuracy on the validation split, in two words."""

    @property
    def seconds_train(self) -> float:
        """Wall-clock time of the steps."""

    @property
    def seconds_evaluate(self) -> float:
        """Wall-clock time of the validation."""


class EpochLoop(ABC, Generic[Model, Batch, Metrics]):
    """Trains a model by AdamW, epoch by epoch, so that it can be taken up between any two.

    The process's own random state is left alone. On a CPU the process keeps freed memory from then on, as
    `keep_freed_memory` says.

    Args:
        model: On `device`; it is trained in place.
        batches: What it is trained on.
        epochs: Of the whole training.
        learning_rate: The peak, as `learning_rate_at` takes it.
        weight_decay: As `adamw` takes it.
        seed: Of what the model draws (dropout); non-negative.
        device: Where everything lives and runs.
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
    def _loss(self, batch: Batch) -> Tensor:
        """Return the terms of a batch's loss, (T,); gradients are taken of their sum."""

    @abstractmethod
    def _validate(self, terms: list[float], seconds: float) -> Metrics:
        """Return the metrics of the epoch that is done.

        Args:
            terms: The loss's, each a mean over the steps.
            seconds: Wall-clock time of the steps.
        """

    def epochs(self) -> Iterator[Metrics]:
        """Train the epochs that are left.

        Yields:
            The metrics of each, as it ends.

        Raises:
            NonFiniteLoss: As `run_epoch`.
        """
        while self.epoch < self.total_epochs:
            yield self.run_epoch()

    def run_epoch(self) -> Metrics:
        """Train one epoch and validates.

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
        """Return one update at the optimiser's learning rate; returns the terms of the loss without waiting for the device.

        The model is in training mode.
        """
        terms = self._loss(batch)
        for parameter in self._trained:
            parameter.grad = None
        terms.sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._trained, CLIP_NORM)
        self.optimizer.step()
        return terms.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed training needs; tensors, numbers and plain containers only.

        `torch.load(..., weights_only=True)` reads what `torch.save` makes of it. Tensors are the live ones:
        save or copy them before training on.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from another trainer's state, exactly where seed, data and recipe are the same.

        Args:
            state: From `state_dict`.

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
        """Return one pass over the train part; returns the mean of every term of the loss over its steps."""
        steps = len(self.batches)
        total_steps = self.total_epochs * steps
        losses: list[Tensor] = []
        self.model.train()
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
