"""Paths of the files of a training. Nothing here reads or writes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SeedFolder:
    """The files of one seed."""

    path: Path

    @property
    def metrics(self) -> Path:
        """One JSON object a line, one line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def weights(self) -> Path:
        """The weights and buffers after the last epoch; there once the seed is trained to the end."""
        return self.path / "weights.safetensors"

    @property
    def checkpoint(self) -> Path:
        """All that is needed to go on after an epoch; there while the seed is under way."""
        return self.path / "checkpoint.pt"


@dataclass(frozen=True)
class SeededFolder:
    """The files that all trainings with one seed or several have."""

    path: Path

    @property
    def lock(self) -> Path:
        """Held by the one process that may write here."""
        return self.path / ".lock"

    @property
    def seeds(self) -> Path:
        """The folder of the seeds' folders."""
        return self.path / "seeds"

    def seed(self, seed: int) -> SeedFolder:
        """Return the folder of one seed."""
        return SeedFolder(self.seeds / str(seed))


@dataclass(frozen=True)
class TrainingFolder(SeededFolder):
    """The files of one network's training, with one seed or several."""

    @property
    def info(self) -> Path:
        """Request, date and versions: a `TrainingInfo`, as JSON."""
        return self.path / "training.json"

    @property
    def architecture(self) -> Path:
        """The trained network's `Architecture`, as JSON."""
        return self.path / "architecture.json"

    @property
    def inherited(self) -> Path:
        """The weights that every seed begins with, taken from a supernet; there if they are not drawn."""
        return self.path / "inherited.safetensors"

    @property
    def result(self) -> Path:
        """Result: a `TrainingResult`, as JSON; there once all seeds are trained."""
        return self.path / "result.json"
