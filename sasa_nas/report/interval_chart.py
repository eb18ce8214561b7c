"""Chart of estimates with their intervals, one per row, around zero."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from sasa_nas.analysis.ticks import linear_ticks
from sasa_nas.report.chart import Frame, Scale, Size, figure, text, x_axis
from sasa_nas.report.markup import tag


@dataclass(frozen=True)
class Estimate:
    """A row of the chart.

    Attributes:
        group: Heading of the rows that belong together, shown before the first of them.
        name: Name of the estimated quantity.
        value: The estimate.
        low: The lower end of its interval; None if there is no interval.
        high: Upper end of the interval.
        colour: CSS class of its colour, such as `op-conv`.
        note: Text at the row's end.
    """

    group: str
    name: str
    value: float
    low: float | None
    high: float | None
    colour: str
    note: str = ""


def draw_estimates(
    estimates: Sequence[Estimate], size: Size, *, title: str, label: str, show: Callable[[float], str]
) -> Markup:
    """Return the chart.

    Args:
        estimates: The rows, at least one.
        size: Size of the chart.
        title: Title of the axis.
        label: Description of the chart for screen readers.
        show: Function that formats the axis's numbers.
    """
    row = 40.0 if size.narrow else 26.0
    left, right = (10.0, size.width - 10.0) if size.narrow else (250.0, size.width - 110.0)
    gaps = sum(a.group != b.group for a, b in pairwise(estimates))
    bottom = 8.0 + row * len(estimates) + 10.0 * gaps
    frame = Frame(left, 8.0, right, bottom)
    ends = [0.0] + [end for e in estimates for end in (e.value, e.low, e.high) if end is not None]
    margin = 0.06 * (max(ends) - min(ends) or 1.0)
    x = Scale(min(ends) - margin, max(ends) + margin, left, right)
    ticks = linear_ticks(x.low, x.high, 5 if size.narrow else 9)
    parts = [tag("line", class_="grid", x1=x(t), x2=x(t), y1=4, y2=bottom) for t in ticks]
    parts.append(tag("line", class_="zero", x1=x(0.0), x2=x(0.0), y1=4, y2=bottom))
    y, group = 8.0, estimates[0].group
    for i, estimate in enumerate(estimates):
        if estimate.group != group:
            y, group = y + 10.0, estimate.group
        first = i == 0 or estimates[i - 1].group != estimate.group
        parts.append(_row(estimate, first, y, row, x, show, size))
        y += row
    return figure([*parts, x_axis(frame, x, ticks, show, title)], size, bottom + 46.0, label)


def _row(
    estimate: Estimate, first: bool, y: float, row: float, x: Scale, show: Callable[[float], str], size: Size
) -> Markup:
    middle = y + (28.0 if size.narrow else row / 2)
    parts: list[Markup] = []
    if size.narrow:
        name = f"{estimate.group}: {estimate.name}" if estimate.group else estimate.name
        parts.append(text(name, 0, y + 14, "tick strong"))
        parts.append(text(estimate.note, size.width, y + 14, "tick end"))
    else:
        if first and estimate.group:
            parts.append(text(estimate.group, 0, middle + 4, "tick strong"))
        parts.append(text(estimate.name, x.start - 12, middle + 4, "tick end"))
        parts.append(text(estimate.note, size.width, middle + 4, "tick end"))
    if estimate.low is not None and estimate.high is not None:
        parts.append(
            tag("line", x1=x(estimate.low), x2=x(estimate.high), y1=middle, y2=middle, class_=f"bar {estimate.colour}")
        )
    parts.append(tag("circle", cx=x(estimate.value), cy=middle, r=5, class_=f"fill {estimate.colour}"))
    interval = (
        "" if estimate.low is None or estimate.high is None else f" ({show(estimate.low)} to {show(estimate.high)})"
    )
    title = tag("title", f"{estimate.group} {estimate.name}: {show(estimate.value)}{interval} {estimate.note}".strip())
    return tag("g", title, *parts)
