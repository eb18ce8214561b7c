"""Paths of the files of a supernet. Nothing here reads or writes."""

from dataclasses import dataclass
from pathlib import Path

from sasa_nas.run.training_folder import SeedFolder


@dataclass(frozen=True)
class SupernetFolder:
    """The files of one space's supernet, trained with one seed or several."""

    path: Path

    @property
    def info(self) -> Path:
        """Space, date and versions: a `SupernetInfo`, as JSON."""
        return self.path / "supernet.json"

    @property
    def paths(self) -> Path:
        """Every judged path of every seed: a `PathRecord` a line, as JSON."""
        return self.path / "paths.jsonl"

    @property
    def scores(self) -> Path:
        """A JSON object of the score of each design by its id, for `where`; there once all are judged."""
        return self.path / "scores.json"

    @property
    def lock(self) -> Path:
        """Held by the one process that may write here."""
        return self.path / ".lock"

    @property
    def seeds(self) -> Path:
        """The folder of the seeds' folders."""
        return self.path / "seeds"

    def seed(self, seed: int) -> SeedFolder:
        """Return the folder of one seed, with the weights that its designs share."""
        return SeedFolder(self.seeds / str(seed))
