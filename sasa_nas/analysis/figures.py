"""Figure of a run's trials and their Pareto front: accuracy against FLOPs."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from sasa_nas.analysis.baseline import baseline_of
from sasa_nas.analysis.figure_file import INK, write_figure
from sasa_nas.analysis.labels import attention_stages, compact_count, operator_letter, shortened, stage_letters
from sasa_nas.analysis.pareto import expected_front
from sasa_nas.analysis.ticks import cost_ticks
from sasa_nas.operators import OPERATORS
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import designs

_FAINT = "#e4e4e4"
_LINE = "#c2410c"
_OFFSETS = ((-3, 3), (-12, 3), (-12, 12))
"""Offsets of a label's lower right corner from its point, in points; all but the first need a leader line."""
_LEADER = {"arrowstyle": "-", "linewidth": 0.5, "color": INK, "shrinkA": 1, "shrinkB": 3}


def plot_front(records: Sequence[TrialRecord], path: Path, *, space: str, dataset: str) -> None:
    """Draw every trained trial as a dot and the front as a line of steps; a PNG has 1600 x 1000 pixels.

    Dots are at the accuracy that was seen, the line at the one that is expected of new trainings where enough networks
    are trained. A dot's colour says how many stages use attention, and a diamond marks the all-convolution baseline.
    Each network of
    the front bears its trial's number and its stages' operators, one letter a stage, wherever that fits without
    covering another.

    Args:
        records: All trials of a run.
        path: A file that ends in .png, .svg or .pdf; written whole or not at all.
        space: Name of the search space, for the title.
        dataset: Name of the data set, for the title.

    Raises:
        UserError: If the suffix is another, or the file cannot be written.
    """
    write_figure(draw_front(records, space=space, dataset=dataset), path)


def draw_front(records: Sequence[TrialRecord], *, space: str, dataset: str) -> Figure:
    """Return the figure that `plot_front` writes."""
    networks = designs(records)
    figure = Figure(figsize=(8.0, 5.0), dpi=200, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plural = "network" if len(networks) == 1 else "networks"
    subtitle = f"space {shortened(space)}, data {shortened(dataset)}, {len(networks)} trained {plural}"
    axes.set_title(subtitle, loc="left", fontsize=9, color=INK, parse_math=False)
    axes.annotate(
        "Accuracy against cost",
        (0, 1),
        fontsize=12,
        fontweight="bold",
        color=INK,
        xycoords="axes fraction",
        xytext=(0, 23),
        textcoords="offset points",
    )
    _style(axes)
    if not networks:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no network is trained yet", transform=axes.transAxes, ha="center", color=INK)
        return figure
    front = expected_front(records)
    expected = any(record not in networks for record in front)
    _set_limits(axes, networks)
    _draw_dots(figure, axes, networks)
    points = [_place(record) for record in front]
    label = "front by expected accuracy" if expected else "Pareto front"
    steps = [*points, (axes.get_xlim()[1], points[-1][1])]
    axes.step(*zip(*steps, strict=True), where="post", color=_LINE, linewidth=1.4, zorder=1.5, label=label)
    costs, accuracies = zip(*points, strict=True)
    axes.scatter(costs, accuracies, s=44, facecolors="none", edgecolors=_LINE, linewidths=1.2, zorder=5)
    baseline = baseline_of(records)
    if baseline is not None:
        label = f"baseline #{baseline.number}, all convolution"
        axes.scatter(
            *_place(baseline),
            marker="D",
            s=76,
            facecolors="none",
            edgecolors=INK,
            linewidths=1.2,
            zorder=5,
            label=label,
        )
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.05), fontsize=8, frameon=False, labelcolor=INK, ncols=2)
    axes.set_xlabel(_caption(front), fontsize=9, color=INK, linespacing=1.7)
    canvas.draw()
    _annotate(axes, front, canvas.get_renderer())
    return figure


def _place(record: TrialRecord) -> tuple[float, float]:
    return float(record.flops or 0), record.accuracy or 0.0


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylabel("validation accuracy", fontsize=9, color=INK)
    axes.set_xlabel("FLOPs of one image", fontsize=9, color=INK)


def _set_limits(axes: Axes, networks: Sequence[TrialRecord]) -> None:
    """Fix the limits of both axes, with room for labels above and left."""
    costs, accuracies = zip(*map(_place, networks), strict=True)
    low, high = _widened(min(costs), max(costs))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(cost_ticks(low, high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: compact_count(cost)))
    span = max(max(accuracies) - min(accuracies), 0.04)
    bottom, top = min(accuracies) - 0.08 * span, max(accuracies) + 0.16 * span
    axes.set_ylim(bottom, top)
    ticks = MaxNLocator(nbins=7, steps=[1, 2, 5, 10]).tick_values(bottom, top)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if bottom <= tick <= min(top, 1.0)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda accuracy, _: f"{100 * accuracy:.4g}%"))


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return limits of the cost axis around these costs, at least a factor of three apart."""
    ratio = high / low
    low, high = low / ratio**0.14, high * ratio**0.06
    missing = max(1.0, 3.0 * low / high)
    return low / missing**0.5, high * missing**0.5


def _draw_dots(figure: Figure, axes: Axes, networks: Sequence[TrialRecord]) -> None:
    architectures = [record.architecture for record in networks]
    counts = [attention_stages(architecture) if architecture else 0 for architecture in architectures]
    most = max(len(architecture.stages) if architecture else 0 for architecture in architectures)
    shades = mpl.colormaps["viridis"].resampled(256)
    # the palest end would vanish on white
    palette = ListedColormap([shades(0.93 * i / max(most, 1)) for i in range(most + 1)])
    norm = BoundaryNorm([i - 0.5 for i in range(most + 2)], palette.N)
    size = 30 if len(networks) <= 100 else 16
    costs, accuracies = zip(*map(_place, networks), strict=True)
    dots = axes.scatter(
        costs,
        accuracies,
        c=counts,
        cmap=palette,
        norm=norm,
        s=size,
        alpha=0.85,
        linewidths=0.3,
        edgecolors="white",
        zorder=3,
    )
    bar = figure.colorbar(dots, ax=axes, ticks=range(most + 1), aspect=30, pad=0.015, fraction=0.04)
    bar.set_label("stages with attention", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK, length=0)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)


def _caption(front: Sequence[TrialRecord]) -> str:
    """Return the axis label with a legend of the operators' letters."""
    found = {stage.operator.kind for record in front if record.architecture for stage in record.architecture.stages}
    kinds = [*(kind for kind in OPERATORS.kinds if kind in found), *sorted(found - set(OPERATORS.kinds))]
    key = "  ".join(f"{operator_letter(kind)} {kind.replace('_', ' ')}" for kind in kinds)
    return f"FLOPs of one image (two a multiply-accumulate)\nstages first to last:  {key}"


def _annotate(axes: Axes, front: Sequence[TrialRecord], renderer: Any) -> None:
    """Label the front's points up and to the left, where no dot can be, and leave out those that find no room.

    The ends come first and the rest from the top down: what is left out is then in a crowd, seldom at an end.
    """
    pixel = axes.figure.dpi / 72
    inside = axes.get_window_extent(renderer)
    points = [axes.transData.transform(_place(record)) for record in front]
    markers = [Bbox.from_extents(x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel) for x, y in points]
    steps = [Bbox.from_extents(x0, y0 - pixel, x1, y0 + pixel) for (x0, y0), (x1, _) in pairwise(points)]
    steps += [Bbox.from_extents(x1 - pixel, y0, x1 + pixel, y1) for (_, y0), (x1, y1) in pairwise(points)]
    labels: list[Bbox] = []
    order = sorted(range(len(front)), key=lambda i: (0 < i < len(front) - 1, -i))
    for i in order:
        architecture = front[i].architecture
        letters = stage_letters(architecture) if architecture else ""
        for dx, dy in _OFFSETS:
            text = axes.annotate(
                f"#{front[i].number} {letters}".rstrip(),
                _place(front[i]),
                xytext=(dx, dy),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=7,
                color=INK,
                zorder=6,
                arrowprops=None if (dx, dy) == _OFFSETS[0] else _LEADER,
            )
            text.update_positions(renderer)
            # the text alone: an annotation's own extent takes in its leader
            box = Text.get_window_extent(text, renderer)
            others = [*steps, *labels, *markers[:i], *markers[i + 1 :]]
            if inside.x0 < box.x0 and box.y1 < inside.y1 and not any(map(box.overlaps, others)):
                labels.append(box.padded(1.5 * pixel))
                break
            text.remove()
