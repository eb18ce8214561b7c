"""The driver's care for trials' files: a finished trial's come into the run's folder, and its checkpoints go."""

from collections.abc import Iterable

from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, TrialRecord
from sasa_nas.searching.storage import Storage, StorageError, StoredFolder


class TrialFiles:
    """The files of a run's trials, in its folder and in its storage, where it has one.

    Args:
        folder: Folder of the run.
        storage: The URL of the folder where workers keep trials; None where they write into the run's own.
    """

    def __init__(self, folder: RunFolder, storage: str | None) -> None:
        self._folder = folder
        self._storage = storage

    def url(self, number: int) -> str | None:
        """Return the place where the worker of a trial keeps its files; None for the run's own folder."""
        return None if self._storage is None else f"{self._storage.rstrip('/')}/{self._name(number)}"

    def bring_in(self, record: TrialRecord) -> None:
        """Copy a trial's files from the storage into the run's folder, but for checkpoints.

        Call it before the trial's end is kept: a search that is killed between the two does it again.

        Raises:
            UserError: If the storage cannot be read, or a trained trial has no weights there.
        """
        url = self.url(record.number)
        if url is None:
            return
        trial = self._folder.trial(record.number)
        try:
            StoredFolder(url, trial.path).fetch(without={trial.checkpoint.name, trial.earlier_checkpoint.name})
        except StorageError as error:
            raise UserError(f"{error}; once it can, go on with `sasa-nas resume {self._folder.path}`") from error
        if record.outcome is Outcome.TRAINED and not trial.weights.exists():
            raise UserError(
                f"{url} holds no weights, although a worker trained the network to the end: see that {self._storage} "
                f"is the same place on all machines, and go on with `sasa-nas resume {self._folder.path}`"
            )

    def clear(self, number: int) -> None:
        """Remove what only a training under way needs. Call it after the trial's end is kept.

        Raises:
            UserError: If that is forbidden.
        """
        trial = self._folder.trial(number)
        trial.checkpoint.unlink(missing_ok=True)
        trial.earlier_checkpoint.unlink(missing_ok=True)
        url = self.url(number)
        if url is not None:
            try:
                StoredFolder(url, trial.path).remove()
            except StorageError:
                return  # it can wait for the next session's `settle`

    def settle(self, records: Iterable[TrialRecord]) -> None:
        """Bring in the files of finished trials and remove their checkpoints, where a kill or a lost worker left them.

        Raises:
            UserError: As `bring_in`.
        """
        left = {path.parent.name for path in self._folder.trials.glob("*/checkpoint*")}
        if self._storage is not None:
            try:
                left |= {*Storage(self._storage + "/" + self._folder.trials.name).folders()}
            except StorageError as error:
                raise UserError(f"{error}; once it can, `sasa-nas resume {self._folder.path}` clears it up") from error
        for record in records:
            trial = self._folder.trial(record.number)
            if record.outcome not in (Outcome.RUNNING, Outcome.WAITING) and trial.path.name in left:
                if not trial.architecture.exists():
                    self.bring_in(record)
                self.clear(record.number)

    def _name(self, number: int) -> str:
        return self._folder.trial(number).path.relative_to(self._folder.path).as_posix()
