"""Outcome of a round."""

from dataclasses import asdict, dataclass, field
from typing import Any

from chaos_parts.scenario import Scenario


@dataclass
class Outcome:
    """Outcome of a round.

    Attributes:
        scenario: What was done.
        faults: What should not have come out; none if all is well.
        struck: What the strikes came to, in words.
        refused: The line with which the program gave up a run that a torn file made unusable.
        skipped: Strikes that this machine does not allow.
        sessions: Commands until the run was finished.
        repeated: Epochs that were trained twice, but for those of torn or removed files.
        allowed: How many of them the strikes allow.
        seconds: Wall-clock time.
    """

    scenario: Scenario
    faults: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    refused: str | None = None
    skipped: list[str] = field(default_factory=list)
    sessions: int = 0
    repeated: int = 0
    allowed: int = 0
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)
