"""The picture of the answer: each operator's effect from early to late stages, raw and at equal cost."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sasa_nas.analysis.figure_file import INK, write_figure
from sasa_nas.analysis.where.linear import Estimate
from study.by_width import ByWidth
from study.main_effects import AtCost, MainEffect
from study.style import COLOURS, NAMES, TITLES, clean, new_figure
from study.tables import Studied, sides

Panel = tuple[str, str]
PANELS: tuple[Panel, ...] = (
    ("raw", "as trained"),
    ("flops", "at equal FLOPs"),
    ("latency", "at equal latency"),
)
"""Panels side by side, and their titles."""
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
    handles = list(named.values())
    if any(misleads(effect, panel) for _, effects in tables for effect in effects for panel, _ in PANELS):
        hollow = Line2D([], [], marker="o", color=INK, markerfacecolor="white", markersize=4.5, linewidth=0.0)
        hollow.set_label("hollow: this stage alone decides more than half of the cost")
        handles.append(hollow)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
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
        shown = [
            (effect, one) for effect in effects if effect.operator == kind if (one := estimate_of(effect, panel[0]))
        ]
        if not shown:
            continue
        x = [effect.stage + shift for effect, _ in shown]
        colour = COLOURS.get(kind, INK)
        axes.vlines(x, [100 * one.low for _, one in shown], [100 * one.high for _, one in shown], color=colour, lw=1.8)
        axes.plot(x, [100 * one.value for _, one in shown], "o-", color=colour, ms=4.5, lw=1.0, label=NAMES[kind])
        for place, (effect, one) in zip(x, shown, strict=True):
            if misleads(effect, panel[0]):
                axes.plot(place, 100 * one.value, "o", color=colour, markerfacecolor="white", markersize=4.5)
    if not axes.lines[1:]:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=INK, fontsize=9)


def estimate_of(effect: MainEffect, panel: str) -> Estimate | ByWidth | None:
    """Return the effect that a panel shows."""
    if panel == "raw":
        return effect.raw
    at_cost = _at_cost(effect, panel)
    return None if at_cost is None else at_cost.matched


def misleads(effect: MainEffect, panel: str) -> bool:
    """Return whether an effect at equal cost is regressed, and its stage decides more of the cost than all others."""
    at_cost = _at_cost(effect, panel)
    return at_cost is not None and at_cost.misleading


def _at_cost(effect: MainEffect, panel: str) -> AtCost | None:
    return {"flops": effect.flops, "latency": effect.latency}.get(panel)
