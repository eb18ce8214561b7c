"""Paths of the files of a supernet. Nothing here reads or writes."""

from dataclasses import dataclass
from pathlib import Path

from sasa_nas.run.training_folder import SeededFolder


@dataclass(frozen=True)
class SupernetFolder(SeededFolder):
    """The files of one space's supernet, trained with one seed or several; a seed's weights are those designs share."""

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
