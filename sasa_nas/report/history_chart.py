"""Chart of the hypervolume over trainings or over time."""

from collections.abc import Callable, Sequence
from typing import Literal

from markupsafe import Markup

from sasa_nas.analysis.history import HistoryPoint
from sasa_nas.analysis.ticks import linear_ticks
from sasa_nas.report.chart import Frame, Scale, Size, figure, stairs, x_axis, y_axis
from sasa_nas.report.markup import tag

Over = Literal["trainings", "time"]

_UNITS = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def draw_history(history: Sequence[HistoryPoint], over: Over, size: Size) -> Markup:
    """Return the chart; `history` holds at least one point."""
    height = 250.0 if size.narrow else 270.0
    frame = Frame(50.0, 34.0, size.width - 14.0, height - 44.0)
    places, title, show = _places(history, over)
    x = Scale(0.0, max(places[-1], 1e-9), frame.left, frame.right)
    top = max(point.hypervolume for point in history) or 1.0
    y = Scale(0.0, 1.06 * top, frame.bottom, frame.top)
    values = [point.hypervolume for point in history]
    points = [(x(0.0), y(0.0)), *((x(place), y(value)) for place, value in zip(places, values, strict=True))]
    line = stairs(points)
    area = f"{line}V{frame.bottom:.1f}H{frame.left:.1f}Z"
    return figure(
        [
            x_axis(frame, x, linear_ticks(0.0, x.high, 5 if size.narrow else 9), show, title),
            y_axis(frame, y, linear_ticks(0.0, y.high, 5), lambda value: f"{value:.3g}", "hypervolume"),
            tag("path", d=area, class_="area"),
            tag("path", d=line, class_="front-line"),
        ],
        size,
        height,
        f"Hypervolume over {title}: {values[-1]:.4g} at the end, {values[len(values) // 2]:.4g} half way",
    )


def _places(history: Sequence[HistoryPoint], over: Over) -> tuple[list[float], str, Callable[[float], str]]:
    if over == "trainings":
        return [float(point.trainings) for point in history], "trainings, in the order of their proposal", _plain
    total = history[-1].seconds
    unit, name = next(((unit, name) for unit, name in _UNITS if total >= 2 * unit), _UNITS[-1])
    return [point.seconds / unit for point in history], f"{name} of training, all workers added up", _plain


def _plain(value: float) -> str:
    return f"{value:g}"
