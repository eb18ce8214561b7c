"""Chart of the trained networks' accuracy against FLOPs, with the Pareto front."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from markupsafe import Markup

from sasa_nas.analysis.baseline import baseline_of
from sasa_nas.analysis.labels import attention_stages, compact_count, stage_letters
from sasa_nas.analysis.pareto import pick
from sasa_nas.analysis.ticks import cost_ticks, linear_ticks
from sasa_nas.report.chart import Frame, Scale, Size, figure, percent, stairs, text, x_axis, y_axis
from sasa_nas.report.markup import tag
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import designs

SHADES = 6
"""Number of colours for the number of attention stages."""
_LETTER, _LINE = 7.2, 14.0
"""Width of a label's letter and height of its line, in pixels."""
_MOST_LETTERS = 5
"""Letters of a label that always has room."""
_Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def draw_front(
    records: Sequence[TrialRecord], front: Sequence[TrialRecord], judged: Sequence[TrialRecord], size: Size
) -> Markup:
    """Return the chart.

    Args:
        records: All trials, at least one of them trained.
        front: The front's networks, cheapest first.
        judged: The same, with the accuracies by which they are compared, at which the line is drawn.
        size: Size of the chart.
    """
    networks = designs(records)
    height = 380.0 if size.narrow else 470.0
    frame = Frame(44.0, 34.0, size.width - 8.0, height - 44.0)
    x, y = _scales(networks, frame, size)
    most = max((len(record.architecture.stages) for record in networks if record.architecture), default=1)
    dots = [_dot(record, x, y, most) for record in networks]
    points = [(x(_flops(record)), y(_accuracy(record))) for record in judged]
    steps = stairs([*points, (frame.right, points[-1][1])])
    baseline = baseline_of(records)
    members = [_member(record, place, most) for record, place in zip(front, points, strict=True)]
    return figure(
        [
            x_axis(frame, x, _thinned(cost_ticks(x.low, x.high), size), compact_count, "FLOPs of one image"),
            y_axis(frame, y, linear_ticks(y.low, min(1.0, y.high)), percent, "validation accuracy"),
            tag("g", *dots, class_="dots", aria_hidden="true"),
            tag("path", d=steps, class_="front-line"),
            tag("g", *_labels(judged, points, frame, size), aria_hidden="true"),
            *([diamond(x(_flops(baseline)), y(_accuracy(baseline)), 10.0)] if baseline else []),
            *members,
        ],
        size,
        height,
        f"Validation accuracy against FLOPs of {len(networks)} trained networks; {len(front)} are on the Pareto front",
        interactive=True,
    )


def diamond(x: float, y: float, radius: float) -> Markup:
    """Return the mark of the baseline around a point."""
    r = radius
    return tag("path", d=f"M{x:.1f} {y - r:.1f}l{r} {r}l-{r} {r}l-{r} -{r}z", class_="baseline")


def shade(record: TrialRecord, most: int) -> str:
    """Return the CSS class of a network, by its number of attention stages, of `most`."""
    count = attention_stages(record.architecture) if record.architecture else 0
    return f"shade{round((SHADES - 1) * count / max(most, 1))}"


def sentence(record: TrialRecord) -> str:
    """Return the description of a network for screen readers."""
    stages = record.architecture.stages if record.architecture else ()
    operators = ", ".join(stage.operator.kind.replace("_", " ") for stage in stages)
    cost = f"{compact_count(record.flops or 0)} FLOPs"
    return f"Trial {record.number}: {100 * _accuracy(record):.2f}% at {cost}; stages: {operators or 'unknown'}"


def _scales(networks: Sequence[TrialRecord], frame: Frame, size: Size) -> tuple[Scale, Scale]:
    costs, accuracies = [_flops(r) for r in networks], [_accuracy(r) for r in networks]
    low, high, ratio = min(costs), max(costs), max(costs) / min(costs)
    # a factor of three at least, so that there are ticks
    margin = max(ratio**0.05, (3.0 / ratio) ** 0.5)
    span = max(max(accuracies) - min(accuracies), 0.04)
    # the letters of the cheapest network stand to its left
    room = 0.0 if size.narrow else _LETTER * _MOST_LETTERS
    x = Scale(low / margin, high * margin, frame.left + room, frame.right, log=True)
    y = Scale(min(accuracies) - 0.06 * span, max(accuracies) + 0.08 * span, frame.bottom, frame.top)
    return x, y


def _thinned(ticks: list[float], size: Size) -> list[float]:
    """Return as many of the ticks as have room."""
    return ticks[:: math.ceil(len(ticks) / (5 if size.narrow else 12))]


def _dot(record: TrialRecord, x: Scale, y: Scale, most: int) -> Markup:
    place = {"cx": x(_flops(record)), "cy": y(_accuracy(record))}
    return tag("circle", **place, r=3.6, class_=f"dot {shade(record, most)}", data_trial=record.number)


def _member(record: TrialRecord, place: tuple[float, float], most: int) -> Markup:
    cx, cy = place
    return tag(
        "g",
        tag("circle", cx=cx, cy=cy, r=11, class_="target"),
        tag("circle", cx=cx, cy=cy, r=6, class_=f"member-dot {shade(record, most)}"),
        class_="member",
        role="button",
        tabindex=0,
        aria_label=f"{sentence(record)}. Enter copies its command.",
        data_trial=record.number,
    )


def _labels(
    front: Sequence[TrialRecord], points: Sequence[tuple[float, float]], frame: Frame, size: Size
) -> list[Markup]:
    """Return the letters of the front's networks, up and to the left of their points, wherever they cover nothing.

    The knee and the ends come first and the rest from the top down; on a phone these three are all.
    """
    chief = {front.index(pick(front, "knee")), len(front) - 1, 0}
    order = sorted(range(len(front)), key=lambda i: (i not in chief, -i))
    blocked = [(x0, y0 - 2, x1, y0 + 2) for (x0, y0), (x1, _) in pairwise(points)]
    blocked += [(x1 - 2, y1, x1 + 2, y0) for (_, y0), (x1, y1) in pairwise(points)]
    labels: list[Markup] = []
    for i in order[:3] if size.narrow else order:
        architecture = front[i].architecture
        letters = stage_letters(architecture) if architecture else f"#{front[i].number}"
        right, bottom = points[i][0] - 9.0, points[i][1] - 7.0
        box = (right - _LETTER * len(letters) - 4, bottom - _LINE, right + 2, bottom + 2)
        others = [(px - 7, py - 7, px + 7, py + 7) for j, (px, py) in enumerate(points) if j != i]
        inside = box[0] > frame.left and box[1] > frame.top - 8
        if inside and not any(_overlap(box, other) for other in [*others, *blocked]):
            blocked.append(box)
            labels.append(text(letters, right, bottom, "letters end"))
    return labels


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _accuracy(record: TrialRecord) -> float:
    return record.accuracy or 0.0


def _flops(record: TrialRecord) -> float:
    return float(record.flops or 1)
