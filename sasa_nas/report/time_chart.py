"""Chart of the time of a run's trials by phase."""

from markupsafe import Markup

from sasa_nas.report.chart import Size, figure, text
from sasa_nas.report.markup import tag
from sasa_nas.run.phases import Phases

_ROW = 28.0


def draw_phases(phases: Phases, size: Size) -> Markup:
    """Return the chart, the longest phase first, without phases below 0.05 %; the total time is positive."""
    told_of = ((name, seconds) for name, seconds in phases.by_name().items() if seconds >= 0.0005 * phases.total)
    rows = sorted(told_of, key=lambda item: -item[1])
    left, right = 90.0, size.width - 120.0
    parts: list[Markup] = []
    for i, (name, seconds) in enumerate(rows):
        y = 6.0 + _ROW * i
        width = (right - left) * seconds / rows[0][1]
        note = f"{seconds:,.1f} s, {100 * seconds / phases.total:.1f}%"
        parts.append(text(name, left - 10, y + 15, "tick end"))
        parts.append(tag("rect", x=left, y=y, width=max(width, 1.0), height=20, rx=3, class_="fill plain"))
        parts.append(text(note, left + max(width, 1.0) + 8, y + 15, "tick"))
    told = ", ".join(f"{name} {100 * seconds / phases.total:.0f}%" for name, seconds in rows)
    return figure(parts, size, 12.0 + _ROW * len(rows), f"Where the time went: {told}")
