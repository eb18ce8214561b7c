"""All drawings of a report by name, for the page and for the files of `--figures`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from sasa_nas.analysis.predictors import Predictor
from sasa_nas.analysis.retrained import Retrained
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.report.chart import Size
from sasa_nas.report.curves_chart import draw_curves
from sasa_nas.report.data import ReportData
from sasa_nas.report.front_chart import draw_front
from sasa_nas.report.history_chart import draw_history
from sasa_nas.report.keys import Key, curves_key, operators_key, shades_key
from sasa_nas.report.ranks_chart import draw_ranks
from sasa_nas.report.retrained_chart import draw_retrained
from sasa_nas.report.stages_chart import draw_stages
from sasa_nas.report.time_chart import draw_phases
from sasa_nas.report.where_section import BOUNDS, draw_bounds, draw_effects, readings
from sasa_nas.run.phases import add_up

Draw = Callable[[Size], Markup]


@dataclass(frozen=True)
class Drawing:
    """A drawing and its keys.

    Attributes:
        draw: Function that draws it at a size.
        keys: Keys of its colours and marks.
    """

    draw: Draw
    keys: tuple[Key, ...] = ()


def drawings(data: ReportData) -> dict[str, Drawing]:
    """Return the drawings for which a run has data."""
    records = data.records
    keys: dict[str, tuple[Key, ...]] = {
        "front": (shades_key(records), operators_key(records)),
        "curves": (curves_key({record.outcome for record in records if record.number in data.curves}),),
    }
    return {name: Drawing(draw, keys.get(name, ())) for name, draw in _draws(data).items()}


def _draws(data: ReportData) -> dict[str, Draw]:
    found: dict[str, Draw] = {}
    if data.front:
        found["front"] = partial(draw_front, data.records, data.front, data.judged)
        described = [record for record in data.front if record.architecture]
        if described:
            found["networks"] = partial(draw_stages, described[::-1])
        found["hypervolume-trainings"] = partial(draw_history, data.history, "trainings")
        if data.history[-1].seconds > 0:
            found["hypervolume-time"] = partial(draw_history, data.history, "time")
    for name, reading in readings(data.where).items():
        found[name] = partial(draw_effects, data.where, reading)
    if data.where.bounds is not None:
        found[BOUNDS] = partial(draw_bounds, data.where.bounds, data.where.baseline)
    for retrained in data.retrained:
        found[f"retrained-{retrained.name}"] = partial(draw_retrained, retrained)
        if retrained.correlations:
            of = "test accuracy in full training"
            found[f"retrained-{retrained.name}-ranks"] = partial(draw_ranks, _rivals(retrained), of)
    if data.predictors:
        found["predictors"] = partial(draw_ranks, data.predictors, "validation accuracy")
    phases = add_up(record.phases for record in data.records)
    if phases.total > 0:
        found["time"] = partial(draw_phases, phases)
    if data.curves:
        numbers = {record.number for record in data.front}
        found["curves"] = partial(draw_curves, data.records, data.curves, numbers)
    return found


def _rivals(found: Retrained) -> list[Predictor]:
    """Return the predictors of a retraining's accuracy, the strongest first."""
    titles = {"proxy_accuracy": "the proxy's accuracy"} | {row.name: row.title for row in OBJECTIVES.values()}
    ranks = sorted(found.correlations.items(), key=lambda item: -item[1].tau)
    return [Predictor("", titles[name], rank) for name, rank in ranks]
