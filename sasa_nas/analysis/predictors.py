"""Rank correlation of predictors (costs, designs, scores) with the accuracy of a run's networks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from sasa_nas.analysis.labels import attention_stages
from sasa_nas.analysis.rank_correlation import RankCorrelation, rank_correlations
from sasa_nas.analysis.score_quality import score_names
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import designs
from sasa_nas.run.path_records import ONE_SHOT

_Value = Callable[[TrialRecord], float | None]

_PREDICTORS: dict[tuple[str, str], _Value] = {
    **{("cost", row.title): attrgetter(row.name) for row in OBJECTIVES.values() if not row.maximised},
    ("cost", "training time"): attrgetter("seconds"),
    ("design", "stages with attention"): lambda record: (
        attention_stages(record.architecture) if record.architecture else None
    ),
}


@dataclass(frozen=True)
class Predictor:
    """A predictor of accuracy and its rank correlation.

    Attributes:
        group: `cost`, `design`, `training-free score`, or `shared weights` for a supernet's; empty if there is a single
            group.
        name: Name of the predictor.
        correlation: Rank correlation with the predicted quantity.
    """

    group: str
    name: str
    correlation: RankCorrelation


def correlate_predictors(records: Sequence[TrialRecord]) -> list[Predictor]:
    """Compute Kendall's tau of each predictor with the accuracy, over the networks trained to the end.

    Returns:
        The predictors, grouped, in each group the strongest first; without those that have no correlation.
    """
    networks = designs(records)
    predictors = dict(_PREDICTORS)
    predictors |= {(_group(score), score): partial(_score, score) for score in score_names(networks)}
    found: list[Predictor] = []
    accuracies = [record.accuracy or 0.0 for record in networks]
    for group in dict.fromkeys(group for group, _ in predictors):
        values = {
            name: [_number(value(record)) for record in networks]
            for (its_group, name), value in predictors.items()
            if its_group == group
        }
        ranks = rank_correlations(values, accuracies)
        found += [Predictor(group, name, rank) for name, rank in sorted(ranks.items(), key=lambda item: -item[1].tau)]
    return found


def _group(score: str) -> str:
    return "shared weights" if score == ONE_SHOT else "training-free score"


def _score(name: str, record: TrialRecord) -> float | None:
    return record.scores.get(name)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
