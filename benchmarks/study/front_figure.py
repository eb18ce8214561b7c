"""The networks of a small table: accuracy against FLOPs and against latency, with their fronts."""

from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, cast

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from sasa_nas.analysis.figure_file import INK, write_figure
from study.networks import Network
from study.style import TITLES, clean, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOT, _LINE = "#1d4ed8", "#c2410c"
_RADIUS = 7.0
"""Pixels around a dot's centre that no label may cover."""
_LEFT = ((-4, 2), (-4, -2))
_RIGHT = ((4, 2), (4, -2))
"""Places of a label beside its dot, in points."""


def draw_front(name: str, networks: Sequence[Network], path: Path) -> None:
    """Draw every network with its standard error and its letters."""
    figure = new_figure(4.3)
    timed = [(one, 1e3 * one.latency) for one in networks if one.latency is not None]
    panels = [([(one, one.flops / 1e6) for one in networks], "FLOPs of one image, millions")]
    if timed:
        panels.append((timed, "latency of one image, ms on one thread"))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (points, label) in zip(grid, panels, strict=True):
        clean(axes)
        axes.set_xlabel(label, fontsize=9, color=INK)
        _draw(axes, points)
    grid[0].set_ylabel("validation accuracy, %", fontsize=9, color=INK)
    title = f"{TITLES.get(name, name)}: C convolution, L window attention, stage by stage"
    figure.suptitle(title, fontsize=12, color=INK, weight="bold")
    write_figure(figure, path)


def front(points: Sequence[tuple[Network, float]]) -> list[tuple[Network, float]]:
    """Return the networks that no other beats in mean accuracy at no more cost, the cheapest first."""
    found: list[tuple[Network, float]] = []
    for one, cost in sorted(points, key=lambda point: (point[1], -point[0].accuracy.value)):
        if not found or one.accuracy.value > found[-1][0].accuracy.value:
            found.append((one, cost))
    return found


def _draw(axes: Axes, points: Sequence[tuple[Network, float]]) -> None:
    best = front(points)
    names = {one.name for one, _ in best}
    costs = [cost for _, cost in best]
    axes.step(
        [*costs, max(cost for _, cost in points)],
        [100 * one.accuracy.value for one, _ in best] + [100 * best[-1][0].accuracy.value],
        where="post",
        color=_LINE,
        linewidth=1.2,
    )
    for one, cost in points:
        accuracy = 100 * one.accuracy.value
        axes.errorbar(cost, accuracy, yerr=100 * one.accuracy.error, color=_DOT, linewidth=1.2, fmt="none", alpha=0.5)
        axes.plot(cost, accuracy, "o", color=_LINE if one.name in names else _DOT, markersize=5)
    axes.margins(x=0.16)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    _label(axes, points, names)


def _label(axes: Axes, points: Sequence[tuple[Network, float]], front_names: Set[str]) -> None:
    """Write each network's letters beside its dot, at the first of four corners that is free."""
    canvas = FigureCanvasAgg(cast("Figure", axes.figure))
    canvas.draw()  # settles the axes' limits
    centres = [axes.transData.transform((cost, 100 * one.accuracy.value)) for one, cost in points]
    taken = [Bbox.from_bounds(x - _RADIUS, y - _RADIUS, 2 * _RADIUS, 2 * _RADIUS) for x, y in centres]
    for one, cost in points:
        on_front = one.name in front_names
        # left of the front, where its line is not
        sides = _LEFT + _RIGHT if on_front else _RIGHT + _LEFT
        for last, (x, y) in enumerate(sides, 1 - len(sides)):
            label = axes.annotate(
                one.name,
                (cost, 100 * one.accuracy.value),
                xytext=(x, y),
                textcoords="offset points",
                ha="right" if x < 0 else "left",
                va="bottom" if y > 0 else "top",
                fontsize=8,
                color=INK,
                weight="bold" if on_front else "normal",
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
                zorder=4,
            )
            box = label.get_window_extent(canvas.get_renderer())
            if last == 0 or not box.count_overlaps(taken):
                taken.append(box)
                break
            label.remove()
