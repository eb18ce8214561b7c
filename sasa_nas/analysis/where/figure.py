"""Figure of the effects of attention: one panel per stage, one line per operator, with 95 % intervals."""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sasa_nas.analysis.figure_file import INK, write_figure
from sasa_nas.analysis.labels import shortened
from sasa_nas.analysis.where.records import Effect, Interval, Where
from sasa_nas.analysis.where.words import factor_name

_RAW, _EQUAL, _ROBUST, _FAILURES, _FAINT = "#1d4ed8", "#c2410c", "#0f766e", "#6b7280", "#e4e4e4"
_SPREAD = 0.28
"""Distance between the first and the last line of an operator, in rows."""
_ROW = 0.42
"""Height of a row, in inches."""


def plot_where(answer: Where, path: Path) -> None:
    """Draw every operator's effect in every stage.

    Args:
        answer: The result of `where`.
        path: A file that ends in .png, .svg or .pdf; written whole or not at all.

    Raises:
        UserError: If the suffix is another, or the file cannot be written.
    """
    write_figure(draw_where(answer), path)


def where_svg(answer: Where) -> str:
    """Return the figure of `plot_where` as the text of an SVG file."""
    buffer = io.StringIO()
    draw_where(answer).savefig(buffer, format="svg")
    return buffer.getvalue()


def draw_where(answer: Where) -> Figure:
    """Return the figure that `plot_where` writes: stages from left to right, operators from top to bottom."""
    operators = [effect for effect in answer.effects if effect.factor.endswith(".operator")]
    stages = sorted({effect.factor for effect in operators})
    levels = list(dict.fromkeys(str(effect.level) for effect in operators))
    height = 1.7 + _ROW * max(len(levels), 1)
    figure = Figure(figsize=(max(4.0, 1.6 + 1.9 * len(stages)), height), dpi=200, layout="constrained")
    figure.suptitle(
        "Effect on accuracy against convolution", fontsize=12, fontweight="bold", color=INK, x=0.01, ha="left"
    )
    if not operators:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.5, 0.5, "too little is trained to tell", ha="center", color=INK)
        return figure
    panels = figure.subplots(1, len(stages), sharex=True, sharey=True, squeeze=False)[0]
    for axes, stage in zip(panels, stages, strict=True):
        _style(axes, factor_name(stage))
        for effect in operators:
            if effect.factor == stage:
                _draw(axes, len(levels) - 1 - levels.index(str(effect.level)), effect)
    panels[0].set_yticks(
        range(len(levels)), [shortened(level.replace("_", " ")) for level in reversed(levels)], parse_math=False
    )
    panels[0].set_ylim(-0.6, len(levels) - 0.4)
    figure.supxlabel("points of validation accuracy, 95 % intervals; * after Holm's correction", fontsize=8, color=INK)
    handles, names = panels[0].get_legend_handles_labels()
    unique = dict(zip(names, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="upper right", fontsize=8, frameon=False, ncols=4, labelcolor=INK)
    return figure


def _style(axes: Axes, title: str) -> None:
    axes.set_title(shortened(title), fontsize=9, color=INK, parse_math=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    axes.tick_params(labelsize=8, colors=INK, left=False)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda points, _: f"{points:+.3g}" if points else "0"))


def _draw(axes: Axes, row: int, effect: Effect) -> None:
    intervals = [
        (effect, _RAW, "o", "as trained"),
        (effect.without_outliers, _ROBUST, "D", "without outliers"),
        (effect.failures_as_chance, _FAILURES, "v", "failures as chance"),
        (effect.at_equal_flops, _EQUAL, "s", "at equal FLOPs"),
    ]
    count = sum(interval is not None for interval, *_ in intervals)
    place = row + _SPREAD / 2
    for interval, colour, marker, label in intervals:
        if interval is not None:
            _line(axes, place, interval, colour, marker, label)
            place -= _SPREAD / max(1, count - 1)


def _line(axes: Axes, y: float, interval: Interval, colour: str, marker: str, label: str) -> None:
    """Draw one interval, with a filled marker and a star if it is significant."""
    centre, low, high = (100 * value for value in (interval.effect, interval.low, interval.high))
    axes.plot([low, high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
    face = colour if interval.star else "white"
    axes.plot([centre], [y], marker, color=colour, markerfacecolor=face, markersize=4.5, label=label)
    if interval.star:
        axes.annotate(
            "*",
            (high, y),
            xytext=(2, -4.5),
            textcoords="offset points",
            fontsize=9,
            color=colour,
            annotation_clip=False,
        )
