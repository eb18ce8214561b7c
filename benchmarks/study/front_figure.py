"""The networks of a small table: accuracy against FLOPs and against latency, with their fronts."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from sasa_nas.analysis.figure_file import INK, write_figure
from study.networks import Network
from study.style import TITLES, clean, new_figure

_DOT, _LINE = "#1d4ed8", "#c2410c"


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
        on_front = one.name in names
        axes.errorbar(cost, accuracy, yerr=100 * one.accuracy.error, color=_DOT, linewidth=1.2, fmt="none", alpha=0.5)
        axes.plot(cost, accuracy, "o", color=_LINE if on_front else _DOT, markersize=5)
        axes.annotate(
            one.name,
            (cost, accuracy),
            # left of the front, where its line is not
            xytext=(-4 if on_front else 4, 4),
            textcoords="offset points",
            ha="right" if on_front else "left",
            fontsize=8,
            color=INK,
            weight="bold" if on_front else "normal",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=4,
        )
    axes.margins(x=0.16)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
