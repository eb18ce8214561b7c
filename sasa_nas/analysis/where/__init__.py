"""Effects of attention by stage and operator, with intervals, from the trainings of a run."""

from sasa_nas.analysis.where.answer import RESOLUTION, where
from sasa_nas.analysis.where.attention_bounds import attention_bounds
from sasa_nas.analysis.where.bounds_records import Bounds, PlaceBound
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
    "Bounds",
    "Effect",
    "Exchange",
    "Interaction",
    "Interval",
    "OperatorTrainings",
    "PerGflop",
    "PlaceBound",
    "ScoreUse",
    "Scores",
    "StageEffect",
    "SwapEffect",
    "Where",
    "WidthPoint",
    "attention_bounds",
    "read_scores",
    "where",
]
