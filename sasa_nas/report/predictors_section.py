"""Section on predictors: scores better than parameters or FLOPs, and the correlation of FLOPs with latency."""

from collections.abc import Sequence

from markupsafe import Markup

from sasa_nas.analysis.predictors import Predictor
from sasa_nas.analysis.rank_correlation import Difference, RankCorrelation
from sasa_nas.analysis.score_quality import ScoreQuality
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.report.markup import join, tag


def intro(predictors: Sequence[Predictor]) -> str:
    """Return the introduction, which explains the chart."""
    networks = max(predictor.correlation.n for predictor in predictors)
    return (
        f"Kendall's rank correlation with accuracy, over {networks} networks trained to the end: 1 is the same order, "
        "0 none, -1 the opposite. Bars are 95% bootstrap intervals. A search's own trials are no random sample, so "
        "this describes the run and not the space."
    )


def details(scores: Sequence[ScoreQuality], latency: RankCorrelation | None) -> Markup:
    """Return the details below the chart.

    Args:
        scores: Correlations of the scores, if the run's networks have any.
        latency: Correlation of FLOPs with latency, if it was measured.
    """
    parts = []
    if scores:
        parts.append(tag("h3", "Are the scores worth their time?"))
        parts.append(tag("ul", *(tag("li", tag("strong", score.name), f": {_verdict(score)}") for score in scores)))
    if latency is not None:
        parts.append(tag("h3", "Do FLOPs tell latency?"))
        parts.append(
            tag(
                "p",
                f"FLOPs sort {latency.n} networks by their measured latency with a tau of {latency.tau:+.2f} "
                f"(95% interval {latency.low:+.2f} to {latency.high:+.2f}); with 1, counting would do instead of a "
                "clock.",
            )
        )
    return join(parts)


def _verdict(score: ScoreQuality) -> str:
    gains = [
        f"{_gain(gain)} against {OBJECTIVES[size].title}" for size, gain in score.beyond.items() if gain is not None
    ]
    told = f" Difference of the taus: {'; '.join(gains)}." if gains else ""
    return f"{score.verdict}.{told}"


def _gain(gain: Difference) -> str:
    return f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
