"""Effects of attention by stage and operator, with intervals, from the balanced trainings of a run."""

from sasa_nas.analysis.where.answer import RESOLUTION, where
from sasa_nas.analysis.where.records import (
    Effect,
    Exchange,
    Interaction,
    Interval,
    OperatorTrainings,
    PerGflop,
    ScoreUse,
    StageEffect,
    SwapEffect,
    Where,
    WidthPoint,
)
from sasa_nas.analysis.where.scores import Scores, read_scores

__all__ = [
    "RESOLUTION",
    "Effect",
    "Exchange",
    "Interaction",
    "Interval",
    "OperatorTrainings",
    "PerGflop",
    "ScoreUse",
    "Scores",
    "StageEffect",
    "SwapEffect",
    "Where",
    "WidthPoint",
    "read_scores",
    "where",
]
