"""Every drawing of a report by its name: the page and the files of `--figures` show the same ones."""

from collections.abc import Callable
from functools import partial

from markupsafe import Markup

from sasa_nas.report.chart import Size
from sasa_nas.report.curves_chart import draw_curves
from sasa_nas.report.front_chart import draw_front
from sasa_nas.report.history_chart import draw_history
from sasa_nas.report.material import Material
from sasa_nas.report.stages_chart import draw_stages

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
    if material.curves:
        numbers = {record.number for record in material.front}
        found["curves"] = partial(draw_curves, material.records, material.curves, numbers)
    return found
