"""The picture of the answer: each operator's effect from early to late stages, raw and at equal cost."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from sasa_nas.analysis.figure_file import INK, write_figure
from sasa_nas.analysis.where.linear import Estimate
from study.main_effects import MainEffect
from study.style import COLOURS, NAMES, TITLES, clean, new_figure
from study.tables import Studied, sides

Panel = tuple[str, str]
PANELS: tuple[Panel, ...] = (
    ("raw", "as trained"),
    ("flops", "at equal FLOPs"),
    ("latency", "at equal latency"),
)
"""What is drawn side by side, and its title."""
_DODGE = 0.16
"""Stages between two operators' marks, so that their bars do not cover each other."""


def draw_effects(tables: Sequence[tuple[Studied, Sequence[MainEffect]]], path: Path) -> None:
    """Draw a row of panels for each table."""
    figure = new_figure(0.9 + 2.4 * len(tables))
    grid = figure.subplots(len(tables), len(PANELS), sharey="row", squeeze=False)
    for (studied, effects), row in zip(tables, grid, strict=True):
        for axes, panel in zip(row, PANELS, strict=True):
            _draw(axes, studied, effects, panel)
        row[0].set_ylabel(f"{TITLES.get(studied.name, studied.name)}\npoints of accuracy", fontsize=9, color=INK)
    figure.suptitle("Effect of attention in a stage, against convolution there", fontsize=12, color=INK, weight="bold")
    named = {line.get_label(): line for axes in grid.flat for line in axes.get_legend_handles_labels()[0]}
    figure.legend(handles=[*named.values()], loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    write_figure(figure, path)


def _draw(axes: Axes, studied: Studied, effects: Sequence[MainEffect], panel: Panel) -> None:
    clean(axes)
    axes.set_title(panel[1], fontsize=10, color=INK)
    axes.axhline(0.0, color=INK, linewidth=0.9)
    places = sides(studied.architectures[0])
    axes.set_xticks(range(len(places)), [f"stage {i}\n{side} px" for i, side in enumerate(places, start=1)])
    axes.set_xlim(-0.45, len(places) - 0.55)
    kinds = list(dict.fromkeys(effect.operator for effect in effects))
    for i, kind in enumerate(kinds):
        shift = _DODGE * (i - (len(kinds) - 1) / 2)
        found = [(effect.stage + shift, estimate_of(effect, panel[0])) for effect in effects if effect.operator == kind]
        points = [(x, 100 * one.value, 100 * one.low, 100 * one.high) for x, one in found if one is not None]
        if not points:
            continue
        x, y, low, high = zip(*points, strict=True)
        colour = COLOURS.get(kind, INK)
        axes.plot(x, y, "o-", color=colour, markersize=4.5, linewidth=1.0, label=NAMES.get(kind, kind))
        axes.vlines(x, low, high, color=colour, linewidth=1.8)
    if not axes.lines[1:]:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=INK, fontsize=9)


def estimate_of(effect: MainEffect, panel: str) -> Estimate | None:
    """Return the effect that a panel shows."""
    if panel == "raw":
        return effect.raw
    at_cost = effect.flops if panel == "flops" else effect.latency
    return None if at_cost is None else at_cost.matched
