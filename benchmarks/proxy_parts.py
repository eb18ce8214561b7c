"""One network trained in three ways: by the trainer, by a hand-written loop, and part by part."""

import copy
import itertools
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.data.splits import ImageSet, Splits
from sasa_nas.models import build
from sasa_nas.models.layout import channels_last, to_channels_last
from sasa_nas.space import Architecture
from sasa_nas.space.proxy import Recipe
from sasa_nas.training.evaluate import autocast
from sasa_nas.training.loop import CLIP_NORM
from sasa_nas.training.optim import adamw
from sasa_nas.training.proxy import Trainer
from sasa_nas.training.seeding import seeded

ENDLESS = 10**6
"""Epochs of the recipe: the learning rate never leaves the first part of its warm-up, and nothing diverges."""
PARTS = ("batches", "forward", "backward", "clipping", "optimiser")


class Contestants:
    """The same network three times. What is returned are milliseconds of one step.

    Args:
        architecture: The network.
        splits: What it is trained on.
        recipe: How.
        device: Where.
        calls: How often each part runs at a time.
    """

    def __init__(
        self, architecture: Architecture, splits: Splits, recipe: Recipe, device: torch.device, *, calls: int
    ) -> None:
        self.device = device
        self.calls = calls
        self.smoothing = recipe.label_smoothing
        with seeded(0):
            network = build(architecture)
        few = splits.validation
        self.trainer = Trainer(
            copy.deepcopy(network),
            splits.train,
            ImageSet(few.images[:2], few.labels[:2], few.standardisation),  # validation is not what is timed
            splits.info,
            recipe.model_copy(update={"epochs": ENDLESS}),
            seed=0,
            device=device,
        )
        self.made = [(channels_last(images), labels) for images, labels in self.trainer.batches.epoch(0)]
        self.bare = to_channels_last(copy.deepcopy(network).to(device)).train()
        self.bare_optimizer = torch.optim.AdamW(self.bare.parameters(), lr=0.0, fused=True)
        self.alone = to_channels_last(network.to(device)).train()
        self.alone_parameters = list(self.alone.parameters())
        self.alone_optimizer = adamw(self.alone, learning_rate=0.0, weight_decay=recipe.weight_decay)

    def trainer_epoch(self) -> float:
        """Return an epoch of the real trainer, batches included."""
        return self.trainer.run_epoch().seconds_train * 1e3 / len(self.made)

    def bare_epoch(self) -> float:
        """Return the same in a few lines, over batches that are there already."""
        start = time.perf_counter()
        for images, labels in self.made:
            with autocast(self.device):
                logits = self.bare(images)
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing)
            self.bare_optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.bare.parameters(), CLIP_NORM)
            self.bare_optimizer.step()
        self._wait()
        return (time.perf_counter() - start) * 1e3 / len(self.made)

    def parts(self) -> dict[str, float]:
        """Every part of a step, `calls` times in a row; forward and backward passes take turns."""
        forward, backward = self._passes()
        return {
            "batches": self._batches(),
            "forward": forward,
            "backward": backward,
            "clipping": self._timed(lambda: nn.utils.clip_grad_norm_(self.alone_parameters, CLIP_NORM)),
            "optimiser": self._timed(self.alone_optimizer.step),
        }

    def _batches(self) -> float:
        """Return an epoch's batches, in the layout that the network takes."""
        start = time.perf_counter()
        for images, _ in self.trainer.batches.epoch(1):
            channels_last(images)
        self._wait()
        return (time.perf_counter() - start) * 1e3 / len(self.made)

    def _passes(self) -> tuple[float, float]:
        forward, backward = 0.0, 0.0
        for images, labels in itertools.islice(itertools.cycle(self.made), self.calls):
            for parameter in self.alone_parameters:
                parameter.grad = None
            self._wait()
            start = time.perf_counter()
            loss = self._loss(images, labels)
            self._wait()
            between = time.perf_counter()
            loss.backward()  # type: ignore[no-untyped-call]
            self._wait()
            backward += time.perf_counter() - between
            forward += between - start
        return forward * 1e3 / self.calls, backward * 1e3 / self.calls

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        with autocast(self.device):
            logits = self.alone(images)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing)

    def _timed(self, call: Callable[[], object]) -> float:
        self._wait()
        start = time.perf_counter()
        for _ in range(self.calls):
            call()
        self._wait()
        return (time.perf_counter() - start) * 1e3 / self.calls

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
