"""Every drawing of a report by its name: the page and the files of `--figures` show the same ones."""

from collections.abc import Callable, Mapping
from functools import partial

from markupsafe import Markup

from sasa_nas.analysis.rank_correlation import RankCorrelation
from sasa_nas.report.chart import Size
from sasa_nas.report.curves_chart import draw_curves
from sasa_nas.report.front_chart import draw_front
from sasa_nas.report.history_chart import draw_history
from sasa_nas.report.interval_chart import Estimate, draw_estimates
from sasa_nas.report.material import Material
from sasa_nas.report.retrained_chart import draw_retrained
from sasa_nas.report.stages_chart import draw_stages
from sasa_nas.report.time_chart import draw_phases
from sasa_nas.report.where_section import draw_effects, has_matched, operator_effects
from sasa_nas.run.phases import add_up

Draw = Callable[[Size], Markup]


def drawings(material: Material) -> dict[str, Draw]:
    """The drawings for which a run has something to show."""
    found: dict[str, Draw] = {}
    if material.front:
        found["front"] = partial(draw_front, material.records)
        described = [record for record in material.front if record.architecture]
        if described:
            found["networks"] = partial(draw_stages, described[::-1])
        found["hypervolume-trainings"] = partial(draw_history, material.history, "trainings")
        if material.history[-1].seconds > 0:
            found["hypervolume-time"] = partial(draw_history, material.history, "time")
    if operator_effects(material.where):
        found["where-trained"] = partial(draw_effects, material.where, matched=False)
        if has_matched(material.where):
            found["where-matched"] = partial(draw_effects, material.where, matched=True)
    for retrained in material.retrained:
        found[f"retrained-{retrained.name}"] = partial(draw_retrained, retrained)
        if retrained.correlations:
            found[f"retrained-{retrained.name}-ranks"] = _ranks(
                retrained.correlations, "test accuracy in full training"
            )
    if material.predictors:
        found["predictors"] = _ranks(material.predictors, "validation accuracy")
    phases = add_up(record.phases for record in material.records)
    if phases.total > 0:
        found["time"] = partial(draw_phases, phases)
    if material.curves:
        numbers = {record.number for record in material.front}
        found["curves"] = partial(draw_curves, material.records, material.curves, numbers)
    return found


def _ranks(correlations: Mapping[str, RankCorrelation], of: str) -> Draw:
    """Rank correlations with their intervals, the strongest first."""
    titles = {"proxy_accuracy": "the proxy's accuracy", "flops": "FLOPs", "params": "parameters"}
    estimates = [
        Estimate("", titles.get(name, name), rank.tau, rank.low, rank.high, "plain", f"{rank.tau:+.2f}")
        for name, rank in sorted(correlations.items(), key=lambda item: -item[1].tau)
    ]
    label = "; ".join(f"{estimate.name} {estimate.note}" for estimate in estimates)
    title = f"Kendall's tau with {of}"
    return partial(draw_estimates, estimates, title=title, label=f"{title}: {label}", show=_signed)


def _signed(value: float) -> str:
    return f"{value:+.2g}" if value else "0"
