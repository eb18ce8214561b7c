"""Effects of attention by stage and operator, with intervals, from the balanced trainings of a run."""

from sasa_nas.analysis.where.answer import RESOLUTION, where
from sasa_nas.analysis.where.records import Effect, Interaction, Interval, PerGflop, StageEffect, SwapEffect, Where

__all__ = [
    "RESOLUTION",
    "Effect",
    "Interaction",
    "Interval",
    "PerGflop",
    "StageEffect",
    "SwapEffect",
    "Where",
    "where",
]
