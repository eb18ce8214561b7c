"""Table of a search's objectives.

A row names a field of `run.TrialRecord` and has all facts about the objective. Imports are light, so that the command
line can name objectives in its help.
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "count", "bytes", "seconds"]


@dataclass(frozen=True)
class Objective:
    """Facts about one objective.

    Attributes:
        name: Name in settings, and of the field of a trial's record.
        direction: Direction of optimisation, in Optuna's words.
        unit: Unit of its values, for printing.
        title: Name in a sentence.
        heading: Name over a column.
        known: Time at which its value is known: with the design, without a network; or measured by the worker, before
            or after the training.
        measured_by: Function of `search.worker.measuring.Subject` that returns fields of a trial's record, as
            `module:name`; None if the value is known from the drawing or training of the network.
        asked: Whether tables have a column for it only if it is among the search's objectives.
        chance: Whether guessing the class gives more than zero.
    """

    name: str
    direction: Literal["maximize", "minimize"]
    unit: Unit
    title: str
    heading: str
    known: Literal["with_design", "before_training", "after_training"]
    measured_by: str | None = None
    asked: bool = True
    chance: bool = False

    @property
    def maximised(self) -> bool:
        """True for accuracies, which are compared linearly; False for costs, which are compared by their logarithm."""
        return self.direction == "maximize"


_LATENCY = "sasa_nas.searching.worker.measuring:measure_latency"
_ATTACK = "sasa_nas.searching.worker.measuring:measure_robustness"
_ROWS = (
    Objective("accuracy", "maximize", "share", "accuracy", "accuracy", "after_training", asked=False, chance=True),
    Objective("flops", "minimize", "count", "FLOPs", "FLOPs", "with_design", asked=False),
    Objective("params", "minimize", "count", "parameters", "params", "with_design", asked=False),
    Objective("memory", "minimize", "bytes", "memory", "memory", "with_design"),
    Objective("latency", "minimize", "seconds", "latency", "latency", "before_training", _LATENCY),
    Objective(
        "robust_accuracy", "maximize", "share", "accuracy under attack", "under attack", "after_training", _ATTACK
    ),
)

OBJECTIVES: dict[str, Objective] = {row.name: row for row in _ROWS}
"""All objectives by name."""

DEFAULT_OBJECTIVES: tuple[str, ...] = ("accuracy", "flops")
"""Default objectives of a search and of a front."""
