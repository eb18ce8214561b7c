"""Trains a few steps to see how fast they go and what memory they take, as a worker does it. Knows nothing of Ray."""

import itertools
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from sasa_nas.data.splits import ImageSet
from sasa_nas.errors import one_line
from sasa_nas.operators.plugins import OperatorFile, receive_operators
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.space import Architecture, Proxy
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.training.evaluate import evaluate
from sasa_nas.training.memory import release_memory
from sasa_nas.training.optim import set_learning_rate
from sasa_nas.training.proxy import Trainer, new_trainer

WARM_UP = 2
"""Steps before the first that counts."""
FEWEST_STEPS = 2
CONTEXT_BYTES = 700 * 2**20
"""Bytes of a card that every process takes before its first tensor: an ample guess."""
EVALUATED = 256
"""Images of one batch of the evaluation, at least."""


@dataclass(frozen=True)
class Material:
    """Networks that a probe trains, by the recipe and on the data of a search."""

    designs: tuple[str, ...]
    """Each an `Architecture`, as JSON: a worker can read it only once it has loaded `operators`."""
    operators: tuple[OperatorFile, ...]
    """Files of operators that are not the package's own."""
    proxy: Proxy
    data_dir: Path
    device: str
    """Device for `pick_device`: `auto`, `cpu`, `cuda` or `cuda:N`."""
    seed: int


@dataclass(frozen=True)
class ProbeTask:
    """Network to train, number of threads, and seconds; 0 only gets it ready."""

    design: int
    threads: int
    seconds: float


@dataclass(frozen=True)
class Throughput:
    """Progress of a training: images a second, and the process's most bytes so far; or why it does not."""

    images_per_second: float
    peak_bytes: int
    card_bytes: int | None = None
    """Memory of the card; None on a CPU."""
    device_name: str = ""
    error: str | None = None


class Probe:
    """Trains the networks of `material` in turn; no error leaves it.

    Args:
        material: Designs and data to train.
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        self._data = DataCache()
        self._design: int | None = None
        self._trainer: Trainer | None = None

    def train(self, task: ProbeTask) -> Throughput:
        """Trains for a while. The weights stay as they are drawn, so that nothing diverges."""
        try:
            torch.set_num_threads(task.threads)
            device = pick_device(self._material.device)
            speed = _images_per_second(self._ready(task.design), task.seconds)
            on_card = device.type == "cuda"
            card = torch.cuda.get_device_properties(device).total_memory if on_card else None
            return Throughput(speed, _peak_bytes(device), card, describe_device(device))
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(error)[:200]}"
        # here, where no traceback holds its tensors any more
        self._let_go()
        return Throughput(0.0, 0, error=reason)

    def _ready(self, design: int) -> Trainer:
        """Return the trainer of a design, warm; the one before is let go."""
        if self._trainer is None or design != self._design:
            self._let_go()
            self._trainer, self._design = self._make(design), design
        return self._trainer

    def _let_go(self) -> None:
        self._trainer = None
        release_memory()

    def _make(self, design: int) -> Trainer:
        material = self._material
        receive_operators(material.operators)
        splits = self._data.get(material.proxy, material.data_dir)
        architecture = Architecture.model_validate_json(material.designs[design])
        device = pick_device(material.device)
        trainer = new_trainer(architecture, splits, material.proxy.recipe, seed=material.seed, device=device)
        set_learning_rate(trainer.optimizer, 0.0)
        images = max(EVALUATED, material.proxy.recipe.batch_size)
        validation = trainer.validation
        part = ImageSet(validation.images[:images], validation.labels[:images], validation.standardisation)
        evaluate(trainer.model, part, batch_size=images)  # it may take more memory than a step
        trainer.model.train()
        for batch in itertools.islice(trainer.batches.epoch(0), WARM_UP):
            trainer.step(batch)
        return trainer


def _images_per_second(trainer: Trainer, seconds: float) -> float:
    """Step as in an epoch, without waiting for the device in between."""
    batches = itertools.chain.from_iterable(trainer.batches.epoch(epoch) for epoch in itertools.count())
    images, steps = 0, 0
    _wait(trainer.device)
    start = time.perf_counter()
    while steps < FEWEST_STEPS or time.perf_counter() - start < seconds:
        batch = next(batches)
        trainer.step(batch)
        images += len(batch[1])
        steps += 1
    _wait(trainer.device)
    return images / (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_bytes(device: torch.device) -> int:
    """Bytes of the card, with what every process takes there; of the machine on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) + CONTEXT_BYTES
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
