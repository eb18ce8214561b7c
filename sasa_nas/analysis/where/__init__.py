"""Effects of attention by stage and operator, with intervals, from the balanced trainings of a run."""

from sasa_nas.analysis.where.answer import RESOLUTION, where
from sasa_nas.analysis.where.records import (
    Effect,
    Interaction,
    Interval,
    OperatorTrainings,
    PerGflop,
    ScoreUse,
    StageEffect,
    SwapEffect,
    Where,
)
from sasa_nas.analysis.where.scores import Scores, read_scores

__all__ = [
    "RESOLUTION",
    "Effect",
    "Interaction",
    "Interval",
    "OperatorTrainings",
    "PerGflop",
    "ScoreUse",
    "Scores",
    "StageEffect",
    "SwapEffect",
    "Where",
    "read_scores",
    "where",
]
