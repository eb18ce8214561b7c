"""The training of one trial, epoch by epoch, as a worker does it. Knows nothing of Ray."""

import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict

import torch
from safetensors.torch import save_file

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import write_atomically, write_text
from sasa_nas.run import Outcome, TrialFolder
from sasa_nas.scratch import Scratch
from sasa_nas.searching.measurements import Measurements, too_slow
from sasa_nas.searching.storage import StorageError, StoredFolder
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.searching.worker.machine_lock import YieldingBatches, machine_lock
from sasa_nas.searching.worker.measuring import Subject, after_training, before_training
from sasa_nas.searching.worker.messages import TrainingReport, TrainingTask
from sasa_nas.searching.worker.phase_clock import PhaseClock
from sasa_nas.sharing import shareable_traceback
from sasa_nas.training.checkpoint import BadCheckpoint, load_checkpoint, save_checkpoint
from sasa_nas.training.device import pick_device
from sasa_nas.training.loop import NonFiniteLoss
from sasa_nas.training.memory import is_out_of_memory, release_memory
from sasa_nas.training.proxy import EpochMetrics, Trainer, new_trainer


class Unready(Exception):
    """Hindrance of every training alike: data that cannot be read, a folder that cannot be written."""


class Training:
    """One trial's training: every call of `advance` is an epoch, and of errors only `StorageError` leaves it.

    Args:
        task: Task to carry out.
        data: Data set that the worker read last.
    """

    def __init__(self, task: TrainingTask, data: DataCache) -> None:
        self.task = task
        self._data = data
        self._scratch = None if task.storage is None else Scratch()
        local = task.folder if self._scratch is None else self._scratch.path / task.folder.name
        self._folder = TrialFolder(local)
        self._stored: StoredFolder | None = None
        self._trainer: Trainer | None = None
        self._history: list[EpochMetrics] = []
        self._seconds = 0.0
        self._clock = PhaseClock(task.proposed)
        self._findings = Measurements()
        self._lock = machine_lock() if task.request.measurements("before_training") else None

    def advance(self) -> TrainingReport:
        """Trains one epoch; after the last one the weights are on disk and the outcome is `TRAINED`.

        After every other one a checkpoint is; the last is left to whoever hears of the end. A training that was cut
        off first reports its last epoch again, in case nobody heard of it, and then goes on.

        Raises:
            StorageError: If this machine has lost its storage, as one does that is being taken away. Another worker is
                to go on with the trial, from its last checkpoint there.
        """
        with self._clock.working():
            return self._advance_or_end()

    def _advance_or_end(self) -> TrainingReport:
        try:
            return self._advance()
        except NonFiniteLoss as error:
            return self._ended(Outcome.DIVERGED, one_line(error))
        except Unready as error:
            return self._halted(str(error))
        except StorageError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(error)}"
            if not is_out_of_memory(error):
                return self._broken(reason)
        # here, where no traceback holds its tensors any more
        self._trainer = None
        release_memory()
        return self._ended(Outcome.OUT_OF_MEMORY, reason[:200])

    def _advance(self) -> TrainingReport:
        start = time.perf_counter()
        if self._trainer is None:
            with self._clock.phase("build"):
                self._trainer = self._prepare()
            with self._clock.phase("measure"):
                self._findings = self._find_out()
            refused = too_slow(self._findings, self.task.request)
            if refused is not None:
                return self._ended(Outcome.INFEASIBLE, refused)
            if self._history:
                self._clock.trained(self._history)
                return self._report(self._history[-1], Outcome.RUNNING)
        with self._lock.training() if self._lock else nullcontext():
            metrics = self._trainer.run_epoch()
        self._history.append(metrics)
        self._clock.trained([metrics])
        last = metrics.epoch >= self.task.proxy.recipe.epochs
        with self._clock.phase("checkpoint"), self._writing():
            if last:
                self._save_weights(self._trainer.model)
            else:
                self._save_checkpoint(self._trainer)
            self._write_metrics()
        if last:
            with self._clock.phase("attack"):
                trained = self._subject(self._trainer.model)
                self._findings = after_training(self._findings, trained, self.task.request)
        self._seconds += time.perf_counter() - start
        return self._report(metrics, Outcome.TRAINED if last else Outcome.RUNNING)

    def _prepare(self) -> Trainer:
        """Write the trial's descriptions, build its network, read the data, and take up a checkpoint."""
        task = self.task
        torch.set_num_threads(task.threads)
        if task.storage is not None:
            with self._allowed():
                self._stored = StoredFolder(task.storage, self._folder.path)
                self._stored.fetch()
        with self._writing():
            # without its parents: the driver made them, and where they are not, this machine has another disk
            self._folder.path.mkdir(exist_ok=True)
            write_text(self._folder.architecture, task.architecture.to_json())
            write_text(self._folder.full_size, task.full_size.to_json())
        trainer = self._resumed()
        if trainer is None:
            trainer = self._make_trainer()
            # of another training that had the number, perhaps
            for file in (self._folder.metrics, self._folder.weights, self._folder.error):
                file.unlink(missing_ok=True)
        return trainer

    def _find_out(self) -> Measurements:
        """Return what is measured before the training begins, or goes on."""
        return before_training(self._subject(None), self.task.request)

    def _subject(self, network: torch.nn.Module | None) -> Subject:
        task = self.task
        return Subject(
            architecture=task.architecture,
            network=network,
            splits=self._data.get(task.proxy, task.data_dir),
            seed=task.seed,
            device=pick_device(task.device),
            threads=task.threads,
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write to the disk and to the storage; a disk that is full, or cannot be written, is no trial's fault."""
        try:
            yield
        except OSError as error:
            reason = f"{self._folder.path} cannot be written: {error.strerror or one_line(error)}"
            if isinstance(error, FileNotFoundError):
                reason += "; if workers do not share the disk of the search, search anew with --storage"
            raise Unready(reason) from error
        if self._stored is not None:
            with self._allowed():
                self._stored.push()

    @contextmanager
    def _allowed(self) -> Iterator[None]:
        """Raise for a storage that is forbidden, or of a kind that is not installed: no trial's fault either."""
        try:
            yield
        except UserError as error:
            raise Unready(one_line(error)) from error

    def _save_checkpoint(self, trainer: Trainer) -> None:
        """Write the state; the one before is kept until the next, in case a disk garbles this one."""
        if self._folder.checkpoint.exists():
            self._folder.checkpoint.replace(self._folder.earlier_checkpoint)
        save_checkpoint(self._folder.checkpoint, trainer, self._history, of=self.task.training)

    def _resumed(self) -> Trainer | None:
        """Return the trainer as the newest checkpoint that is of use has it; None without one."""
        for file in (self._folder.checkpoint, self._folder.earlier_checkpoint):
            if not file.exists():
                continue
            trainer = self._make_trainer()
            try:
                history = load_checkpoint(file, trainer, EpochMetrics, of=self.task.training)
            except (BadCheckpoint, OSError):
                continue
            if trainer.epoch < self.task.proxy.recipe.epochs:  # else it is of a longer recipe
                self._history = history
                self._seconds = sum(epoch.seconds_train + epoch.seconds_evaluate for epoch in history)
                return trainer
        return None

    def _make_trainer(self) -> Trainer:
        task = self.task
        try:
            with self._clock.phase("data"):
                splits = self._data.get(task.proxy, task.data_dir)
        except (UserError, OSError) as error:
            raise Unready(one_line(error)) from error
        device = pick_device(task.device)
        trainer = new_trainer(task.architecture, splits, task.proxy.recipe, seed=task.seed, device=device)
        lock = self._lock
        if lock is not None:
            settle = torch.cuda.synchronize if trainer.device.type == "cuda" else _nothing
            trainer.batches = YieldingBatches(trainer.batches, lambda: lock.make_room(settle))
        return trainer

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
            phases=self._clock.read(),
            findings=self._findings,
        )

    def _ended(self, outcome: Outcome, reason: str) -> TrainingReport:
        return TrainingReport(
            number=self.task.number,
            outcome=outcome,
            reason=reason,
            seconds=self._seconds,
            phases=self._clock.read(),
            findings=self._findings,
        )

    def _broken(self, reason: str) -> TrainingReport:
        """Keep the traceback of the error that is being handled."""
        try:
            with self._writing():
                write_text(self._folder.error, shareable_traceback(traceback.format_exc()))
        except Unready as error:
            return self._halted(str(error))
        return self._ended(Outcome.BROKEN, reason)

    def _halted(self, reason: str) -> TrainingReport:
        return TrainingReport(number=self.task.number, outcome=Outcome.RUNNING, halt=reason)


def _nothing() -> None:
    """Do nothing: a CPU's step is over when it returns."""
