"""Outcomes of trials."""

from enum import StrEnum


class Outcome(StrEnum):
    """Outcome of a trial."""

    WAITING = "waiting"
    """Planned, not proposed yet."""
    RUNNING = "running"
    """Proposed; its training has not ended, or was interrupted and will be taken up by a resume."""
    TRAINED = "trained"
    """Trained to the end."""
    STOPPED = "stopped"
    """Stopped early: others were better after as many epochs."""
    DIVERGED = "diverged"
    """Its loss was no finite number."""
    BROKEN = "broken"
    """Its training raised an error."""
    OUT_OF_MEMORY = "out_of_memory"
    """Its training wanted more memory than there is, and did so again when it was tried once more."""
    TIMED_OUT = "timed_out"
    """It took longer than a trial may: it hung, or was too slow."""
    LOST = "lost"
    """Its worker died and did not come back."""
    INFEASIBLE = "infeasible"
    """Its parts do not fit together, or it is beyond a limit; never trained."""
    DUPLICATE = "duplicate"
    """Equal to an earlier trial; not trained again."""

    @property
    def spent(self) -> bool:
        """Return whether it cost a training, which counts against the number of trials asked for."""
        return self not in (Outcome.WAITING, Outcome.RUNNING, Outcome.INFEASIBLE, Outcome.DUPLICATE)

    @property
    def words(self) -> str:
        """Its name for people, as in `out of memory`."""
        return self.replace("_", " ")
