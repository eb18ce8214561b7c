"""Chart of learning curves: accuracy by epoch, and early ends of trainings."""

from collections.abc import Collection, Mapping, Sequence

from markupsafe import Markup

from sasa_nas.analysis.ticks import linear_ticks
from sasa_nas.report.chart import Frame, Scale, Size, figure, path, percent, x_axis, y_axis
from sasa_nas.report.markup import tag
from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run.curves import Curve

_CROSS = 3.5


def draw_curves(
    records: Sequence[TrialRecord], curves: Mapping[int, Curve], front: Collection[int], size: Size
) -> Markup:
    """Return the chart.

    Args:
        records: Trials of the run.
        curves: Learning curves by the trial's number; at least one.
        front: Numbers of the trials on the front, which are emphasised.
        size: Size of the chart.
    """
    height = 320.0 if size.narrow else 400.0
    frame = Frame(44.0, 34.0, size.width - 12.0, height - 44.0)
    last = max(curve.epochs[-1] for curve in curves.values())
    accuracies = [accuracy for curve in curves.values() for accuracy in curve.accuracies]
    low, high = min(accuracies), max(max(accuracies), min(accuracies) + 0.02)
    x = Scale(1.0, max(float(last), 2.0), frame.left + 6, frame.right)
    y = Scale(low, high + 0.04 * (high - low), frame.bottom, frame.top)
    drawn = sorted((r for r in records if r.number in curves), key=lambda r: _rank(r, front))
    lines = [_line(record, curves[record.number], record.number in front, x, y) for record in drawn]
    stopped = sum(record.outcome is Outcome.STOPPED for record in drawn)
    epochs = [tick for tick in linear_ticks(1.0, x.high, 6 if size.narrow else 12) if tick == int(tick)]
    return figure(
        [
            x_axis(frame, x, epochs, lambda epoch: f"{epoch:g}", "epochs trained"),
            y_axis(frame, y, linear_ticks(y.low, min(1.0, y.high)), percent, "validation accuracy"),
            tag("g", *lines),
        ],
        size,
        height,
        f"Learning curves of {len(drawn)} trainings, {stopped} of them stopped early",
    )


def _rank(record: TrialRecord, front: Collection[int]) -> tuple[bool, bool]:
    """Return a sort key for the order of drawing: later ones cover earlier ones."""
    return record.number in front, record.outcome is Outcome.TRAINED


def _line(record: TrialRecord, curve: Curve, on_front: bool, x: Scale, y: Scale) -> Markup:
    points = [(x(float(epoch)), y(accuracy)) for epoch, accuracy in zip(curve.epochs, curve.accuracies, strict=True)]
    ended = record.outcome is Outcome.TRAINED
    kind = "on-front" if on_front else "ended" if ended else "cut"
    parts = [tag("path", d=path(points), class_=f"curve {kind}")]
    if record.outcome.spent and not ended:
        parts.append(cross(*points[-1], record.outcome))
    elif len(points) == 1:
        parts.append(tag("circle", cx=points[0][0], cy=points[0][1], r=2, class_=f"end {kind}"))
    return tag("g", *parts, data_trial=record.number)


def cross(cx: float, cy: float, outcome: Outcome) -> Markup:
    """Return the mark of an early end of a training: faint if others were better, else coloured by its outcome."""
    drawn = f"M{cx - _CROSS:.1f} {cy - _CROSS:.1f}l7 7m0 -7l-7 7"
    return tag("path", d=drawn, class_="cross" if outcome is Outcome.STOPPED else "cross broken-off")
