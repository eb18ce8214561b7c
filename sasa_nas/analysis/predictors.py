"""How well what is known of a network without training sorts the networks of a run by their accuracy."""

from collections.abc import Callable, Sequence

from sasa_nas.analysis.designs import designs
from sasa_nas.analysis.labels import attention_stages
from sasa_nas.analysis.rank_correlation import RankCorrelation, rank_correlations
from sasa_nas.run import TrialRecord

_PREDICTORS: dict[str, Callable[[TrialRecord], float]] = {
    "FLOPs": lambda record: float(record.flops or 0),
    "parameters": lambda record: float(record.params or 0),
    "stages with attention": lambda record: (
        float(attention_stages(record.architecture)) if record.architecture else float("nan")
    ),
    "training time": lambda record: float("nan") if record.seconds is None else record.seconds,
}


def correlate_predictors(records: Sequence[TrialRecord]) -> dict[str, RankCorrelation]:
    """Kendall's tau of each predictor with the accuracy, over the networks trained to the end.

    Returns:
        By the predictor's name; without those of which nothing can be said.
    """
    networks = designs(records)
    accuracies = [record.accuracy or 0.0 for record in networks]
    values = {name: [value(record) for record in networks] for name, value in _PREDICTORS.items()}
    return rank_correlations(values, accuracies)
