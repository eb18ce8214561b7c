"""The training of one trial, epoch by epoch, as a worker does it. Knows nothing of Ray."""

import json
import time
import traceback
from dataclasses import asdict
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import save_file

from sasa_nas.data.registry import load
from sasa_nas.data.splits import Splits
from sasa_nas.errors import one_line
from sasa_nas.files import write_atomically, write_text
from sasa_nas.models import build
from sasa_nas.run import Outcome, TrialFolder
from sasa_nas.space import Architecture, Proxy
from sasa_nas.train.device import pick_device
from sasa_nas.train.loop import NonFiniteLoss
from sasa_nas.train.outright import BadCheckpoint, load_checkpoint, save_checkpoint
from sasa_nas.train.proxy import EpochMetrics, Trainer
from sasa_nas.train.seeding import seeded


class TrainingTask(BaseModel):
    """All that a worker needs to train one trial; travels as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    folder: Path
    """The trial's folder, on a disk that driver and worker share."""
    architecture: Architecture
    full_size: Architecture
    proxy: Proxy
    data_dir: Path
    seed: int
    threads: int
    device: str
    """As `pick_device` takes it."""


class TrainingReport(BaseModel):
    """What a worker reports after an epoch, or when a training ends early."""

    model_config = ConfigDict(frozen=True)

    number: int
    epoch: int = 0
    accuracy: float | None = None
    train_loss: float | None = None
    outcome: Outcome
    reason: str | None = None
    seconds: float = 0.0


class DataCache:
    """The data set that a worker read last, kept from one trial to the next."""

    def __init__(self) -> None:
        self._key: tuple[str, Path, int | None] | None = None
        self._splits: Splits | None = None

    def get(self, proxy: Proxy, data_dir: Path) -> Splits:
        """The splits of the proxy's data set."""
        key = (proxy.dataset, data_dir, proxy.image_size)
        if self._splits is None or key != self._key:
            self._splits = load(proxy.dataset, data_dir=data_dir, image_size=proxy.image_size)
            self._key = key
        return self._splits


class Training:
    """One trial's training: every call of `advance` is an epoch, and no error leaves it.

    Args:
        task: What to train.
        data: The worker's data.
    """

    def __init__(self, task: TrainingTask, data: DataCache) -> None:
        self.task = task
        self._data = data
        self._folder = TrialFolder(task.folder)
        self._trainer: Trainer | None = None
        self._history: list[EpochMetrics] = []
        self._seconds = 0.0

    def advance(self) -> TrainingReport:
        """Trains one epoch; after the last one the weights are on disk and the outcome is `TRAINED`.

        After every other one a checkpoint is. A training that was cut off first reports its last epoch again, in case
        nobody heard of it, and then goes on.
        """
        start = time.perf_counter()
        try:
            if self._trainer is None:
                self._trainer = self._prepare()
                if self._history:
                    return self._report(self._history[-1], Outcome.RUNNING)
            metrics = self._trainer.run_epoch()
            self._history.append(metrics)
            last = metrics.epoch >= self.task.proxy.recipe.epochs
            if last:
                self._save_weights(self._trainer.model)
            else:
                save_checkpoint(self._folder.checkpoint, self._trainer, self._history)
            self._write_metrics()
            if last:
                self._folder.checkpoint.unlink(missing_ok=True)
        except NonFiniteLoss as error:
            return self._failed(Outcome.DIVERGED, one_line(error))
        except Exception as error:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            write_text(self._folder.error, traceback.format_exc())
            return self._failed(Outcome.BROKEN, f"{type(error).__name__}: {one_line(error)}")
        self._seconds += time.perf_counter() - start
        return self._report(metrics, Outcome.TRAINED if last else Outcome.RUNNING)

    def _prepare(self) -> Trainer:
        """Writes the trial's descriptions, builds its network, reads the data, and takes up a checkpoint."""
        task = self.task
        torch.set_num_threads(task.threads)
        self._folder.path.mkdir(parents=True, exist_ok=True)
        write_text(self._folder.architecture, task.architecture.to_json())
        write_text(self._folder.full_size, task.full_size.to_json())
        return self._resumed() or self._make_trainer()

    def _resumed(self) -> Trainer | None:
        """The trainer as its checkpoint has it, if there is one that is of use."""
        if not self._folder.checkpoint.exists():
            return None
        trainer = self._make_trainer()
        try:
            history = load_checkpoint(self._folder.checkpoint, trainer, EpochMetrics)
        except BadCheckpoint:
            return None
        if trainer.epoch >= self.task.proxy.recipe.epochs:
            return None  # of a longer recipe
        self._history = history
        return trainer

    def _make_trainer(self) -> Trainer:
        task = self.task
        splits = self._data.get(task.proxy, task.data_dir)
        with seeded(task.seed):
            network = build(task.architecture)
        return Trainer(
            network,
            splits.train,
            splits.validation,
            splits.info,
            task.proxy.recipe,
            seed=task.seed,
            device=pick_device(task.device),
        )

    def _write_metrics(self) -> None:
        """All epochs anew: a kill may have come between them and the checkpoint."""
        write_text(self._folder.metrics, "".join(json.dumps(asdict(metrics)) + "\n" for metrics in self._history))

    def _save_weights(self, model: torch.nn.Module) -> None:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        write_atomically(self._folder.weights, lambda path: save_file(tensors, path))

    def _report(self, metrics: EpochMetrics, outcome: Outcome) -> TrainingReport:
        return TrainingReport(
            number=self.task.number,
            epoch=metrics.epoch,
            accuracy=metrics.accuracy,
            train_loss=metrics.train_loss,
            outcome=outcome,
            seconds=self._seconds,
        )

    def _failed(self, outcome: Outcome, reason: str) -> TrainingReport:
        return TrainingReport(number=self.task.number, outcome=outcome, reason=reason, seconds=self._seconds)
