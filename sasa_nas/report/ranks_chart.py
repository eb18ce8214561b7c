"""Chart of rank correlations with their intervals, one per row."""

from collections.abc import Sequence

from markupsafe import Markup

from sasa_nas.analysis.predictors import Predictor
from sasa_nas.report.chart import Size
from sasa_nas.report.interval_chart import Estimate, draw_estimates


def draw_ranks(predictors: Sequence[Predictor], of: str, size: Size) -> Markup:
    """Return the chart.

    Args:
        predictors: The predictors, at least one, sorted by group.
        of: Name of the predicted quantity.
        size: Size of the chart.
    """
    estimates = [
        Estimate(p.group, p.name, p.correlation.tau, p.correlation.low, p.correlation.high, "plain", signed(p))
        for p in predictors
    ]
    title = f"Kendall's tau with {of}"
    told = "; ".join(f"{estimate.name} {estimate.note}" for estimate in estimates)
    return draw_estimates(
        estimates, size, title=title, label=f"{title}: {told}", show=lambda tau: f"{tau:+.2g}" if tau else "0"
    )


def signed(predictor: Predictor) -> str:
    """Return a predictor's tau with two decimals and its sign."""
    return f"{predictor.correlation.tau:+.2f}"
