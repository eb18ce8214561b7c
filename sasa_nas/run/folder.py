"""Paths of a run's files. Nothing here reads or writes."""

from dataclasses import dataclass
from pathlib import Path

from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.training_folder import TrainingFolder


@dataclass(frozen=True)
class TrialFolder:
    """The files of one trained network."""

    path: Path

    @property
    def architecture(self) -> Path:
        """The trained network's `Architecture`, as JSON."""
        return self.path / "architecture.json"

    @property
    def full_size(self) -> Path:
        """The `Architecture` that the trained network stands in for, as JSON."""
        return self.path / "full_size.json"

    @property
    def metrics(self) -> Path:
        """One JSON object a line, one line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def weights(self) -> Path:
        """The trained weights and buffers."""
        return self.path / "weights.safetensors"

    @property
    def checkpoint(self) -> Path:
        """The training's state after its last epoch, while it is under way."""
        return self.path / "checkpoint.pt"

    @property
    def earlier_checkpoint(self) -> Path:
        """Its state one epoch before, should the other be unusable."""
        return self.path / "checkpoint.earlier.pt"

    @property
    def error(self) -> Path:
        """The traceback, where a training broke off."""
        return self.path / "error.txt"


@dataclass(frozen=True)
class RetrainingFolder:
    """The files of some of a run's networks that are trained in full."""

    path: Path

    @property
    def info(self) -> Path:
        """Networks and settings: a `RetrainingInfo`, as JSON."""
        return self.path / "retrain.json"

    @property
    def lock(self) -> Path:
        """Held by the one process that may write here."""
        return self.path / ".lock"

    def network(self, trial: int) -> TrainingFolder:
        """Return the folder of the training of one trial's network."""
        return TrainingFolder(self.path / f"{trial:04d}")


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def operators(self) -> Path:
        """Copies of the files of operators that are not the package's own; never executed from here by reading."""
        return self.path / "operators"

    @property
    def info(self) -> Path:
        """Request, date and versions: a `RunInfo`, as JSON."""
        return self.path / "run.json"

    @property
    def log(self) -> Path:
        """Every trial, finished or not: a JSON object a line, a line for each change of a trial."""
        return self.path / "trials.jsonl"

    @property
    def study(self) -> Path:
        """The trials as an Optuna study, for other programs to show; made from `log`, and never read."""
        return self.path / "study.journal"

    @property
    def study_lock(self) -> Path:
        """Held by a program while it writes to `study`."""
        return self.path / "study.journal.lock"

    @property
    def old_study(self) -> Path:
        """Every trial of a run that an earlier version made: an Optuna study in SQLite; not read beside `log`."""
        return self.path / "study.db"

    @property
    def trials(self) -> Path:
        """The folder of the trials' folders."""
        return self.path / "trials"

    @property
    def lock(self) -> Path:
        """Held by the one process that may write to the run."""
        return self.path / ".lock"

    @property
    def tune(self) -> Path:
        """Files of Ray Tune while a search is under way; removed when it ends."""
        return self.path / ".tune"

    def trial(self, number: int) -> TrialFolder:
        """Return the folder of one trial."""
        return TrialFolder(self.trials / f"{number:04d}")

    @property
    def supernet(self) -> SupernetFolder:
        """Return the folder of the supernet by which the space's designs were judged; there if one was trained."""
        return SupernetFolder(self.path / "supernet")

    @property
    def retrainings(self) -> Path:
        """The folder of the retrainings' folders."""
        return self.path / "retrain"

    def retraining(self, name: str) -> RetrainingFolder:
        """Return the folder of one retraining."""
        return RetrainingFolder(self.retrainings / name)
