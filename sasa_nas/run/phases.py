"""Time of a trial by phase."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST = 1e12
"""Seconds that anything may have taken: so that sums of them are finite."""
Seconds = Annotated[float, Field(ge=0.0, le=LONGEST)]


class Phases(BaseModel):
    """Seconds of wall-clock time of a trial, or of many trials together, by what they were spent on.

    Epochs that came to no end, because they diverged or their worker died, are not in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: Seconds = 0.0
    """From the proposal to the worker's first step, and between epochs, until the search has answered."""
    build: Seconds = 0.0
    """The network and the optimiser are made, the trial's descriptions written, a checkpoint read."""
    data: Seconds = 0.0
    """The data set is read: once a worker."""
    measure: Seconds = 0.0
    """Latency and training-free scores are found out, and waited for until nobody trains."""
    train: Seconds = 0.0
    """The steps."""
    evaluate: Seconds = 0.0
    """The validation part."""
    checkpoint: Seconds = 0.0
    """Checkpoints, metrics and weights are written."""
    attack: Seconds = 0.0
    """The validation part under attack, after the training."""

    @property
    def total(self) -> float:
        """All of them together."""
        return sum(self.by_name().values())

    def by_name(self) -> dict[str, float]:
        """Seconds by the phase's name, in the order in which a trial goes through them."""
        return {name: getattr(self, name) for name in type(self).model_fields}


def add_up(trials: Iterable[Phases | None]) -> Phases:
    """Return the phases of many trials together; None is a trial that tells nothing."""
    told = [phases.by_name() for phases in trials if phases is not None]
    return Phases(**{name: sum(phases[name] for phases in told) for name in Phases.model_fields})


def tell(phases: Phases) -> str:
    """One line such as "train 71 %, evaluate 8 %", the longest first; phases below half a per cent are left out."""
    total = phases.total
    if total <= 0:
        return "nowhere yet"
    longest = sorted(phases.by_name().items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {100 * spent / total:.0f} %" for name, spent in longest if spent / total >= 0.005)
