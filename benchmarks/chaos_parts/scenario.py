"""Draws what a round does from its seed: a program, its settings, and the strikes that it suffers."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Program = Literal["search", "packed", "formula", "retrain"]
"""A search that trains on digits; the same with `--cpus-per-trial auto`; one that a formula answers; a retraining."""

WORKERS = 2
RAY: tuple[Program, ...] = ("search", "packed")
"""Programs that start Ray."""
WEIGHTS: dict[Program, int] = {"search": 8, "packed": 1, "formula": 5, "retrain": 6}
"""Relative frequency of each: those without Ray take a third of the time."""


class Kind(StrEnum):
    """Kind of a strike."""

    KILL_DRIVER = "kill the driver"
    KILL_WORKER = "kill a worker"
    KILL_RAYLET = "kill the raylet"
    KILL_GCS = "kill the GCS"
    INTERRUPT = "SIGINT"
    TERMINATE = "SIGTERM"
    HANG_UP = "SIGHUP"
    TEAR = "kill the driver, tear the newest file"
    FILL = "fill the disk"
    REMOVE_RUNNING = "remove the folder of a training under way"
    REMOVE_FINISHED = "remove the folder of a finished training"
    REMOVE_ALL = "kill the driver, remove the folders of all trainings"

    @property
    def signals(self) -> bool:
        """True for a signal that asks the driver to end, as terminals and schedulers send it."""
        return self in (Kind.INTERRUPT, Kind.TERMINATE, Kind.HANG_UP)


_ANYWHERE = {
    Kind.KILL_DRIVER: 3,
    Kind.INTERRUPT: 1,
    Kind.TERMINATE: 1,
    Kind.HANG_UP: 1,
    Kind.TEAR: 4,
    Kind.FILL: 2,
}
_FOLDERS = {Kind.REMOVE_RUNNING: 2, Kind.REMOVE_FINISHED: 1, Kind.REMOVE_ALL: 1}
_CLUSTER = {Kind.KILL_WORKER: 3, Kind.KILL_RAYLET: 1, Kind.KILL_GCS: 1}


@dataclass(frozen=True)
class Strike:
    """One fault.

    Attributes:
        kind: What happens.
        progress: When: once this share of all epochs is trained; None soon after the session's start.
        delay: Seconds after that.
        twice: Of a signal: sent again a moment later.
        group: Of a signal: sent to the whole process group, as a terminal does.
        zeros: Of a torn file: a block of zeros is written into it; otherwise it is cut off.
        place: Of a torn file, where; of a worker or a folder, which: a share of all there are, in [0, 1).
        patience: Seconds between the end of the session that it ended and the next one.
    """

    kind: Kind
    progress: float | None
    delay: float
    twice: bool
    group: bool
    zeros: bool
    place: float
    patience: float


@dataclass(frozen=True)
class Scenario:
    """All that a round does.

    Attributes:
        seed: That it was drawn from.
        program: What is run.
        settings: `trials`, `epochs`, `seed`, whether `halving` is on, and of a retraining, how many are trained
            `at_once`.
        strikes: One after the other.
    """

    seed: int
    program: Program
    settings: dict[str, Any]
    strikes: tuple[Strike, ...]


def draw(seed: int) -> Scenario:
    """Return the round of a seed, the same on every machine."""
    chance = random.Random(f"chaos/{seed}")
    program: Program = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    settings: dict[str, Any] = {
        "trials": 40 if program == "formula" else chance.randint(4, 6),
        "epochs": chance.randint(4, 8),
        "seed": chance.randrange(3),
        "halving": chance.random() < 0.5 and program != "retrain",
    }
    kinds = dict(_ANYWHERE)
    if program != "formula":
        kinds |= _FOLDERS
    if program in RAY:
        kinds |= _CLUSTER
    # where trainings are stopped early, less than half of all epochs are ever trained
    last = 0.4 if settings["halving"] and program in RAY else 0.95
    strikes = [_strike(chance, kinds, last) for _ in range(chance.choice((1, 1, 2, 2, 3)))]
    # in the order in which they come true
    strikes.sort(key=lambda strike: -1.0 if strike.progress is None else strike.progress)
    if program == "retrain":
        # drawn last, so that the rest of a round is what it was before there was a choice
        settings["at_once"] = chance.choice((1, 2))
    return Scenario(seed, program, settings, tuple(strikes))


def _strike(chance: random.Random, kinds: dict[Kind, int], last: float) -> Strike:
    early = chance.random() < 0.15
    return Strike(
        kind=chance.choices(list(kinds), list(kinds.values()))[0],
        progress=None if early else chance.uniform(0.0, last),
        delay=chance.uniform(0.0, 8.0 if early else 0.5),
        twice=chance.random() < 0.3,
        group=chance.random() < 0.5,
        zeros=chance.random() < 0.5,
        place=chance.random(),
        patience=chance.choice((0.0, 0.0, 2.0, 10.0)),
    )
