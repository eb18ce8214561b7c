"""Figure of the rank correlation of early epochs with the final truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sasa_nas.analysis.figure_file import INK, write_figure
from study.style import TITLES, clean, new_figure

_LINES = {"accuracy": ("#1d4ed8", "by accuracy"), "validation_loss": ("#c2410c", "by validation loss")}

Taus = Mapping[str, Sequence[Mapping[str, Any] | None]]


def draw_epochs(tables: Sequence[tuple[str, Taus]], path: Path) -> None:
    """Draw a panel for each table: tau of one seed after each epoch with the other seeds' final accuracy."""
    figure = new_figure(3.6)
    grid = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for axes, (name, measures) in zip(grid, tables, strict=True):
        clean(axes)
        axes.axhline(0.0, color=INK, linewidth=0.9)
        axes.set_title(TITLES.get(name, name), fontsize=10, color=INK)
        axes.set_xlabel("epochs trained", fontsize=9, color=INK)
        for measure, taus in measures.items():
            colour, label = _LINES[measure]
            known = [(epoch, tau) for epoch, tau in enumerate(taus, start=1) if tau is not None]
            x = [epoch for epoch, _ in known]
            axes.plot(x, [tau["tau"] for _, tau in known], "o-", color=colour, markersize=4, linewidth=1.4, label=label)
            axes.fill_between(
                x,
                [tau["low"] for _, tau in known],
                [tau["high"] for _, tau in known],
                color=colour,
                alpha=0.13,
                linewidth=0,
            )
        epochs = len(measures["accuracy"])
        axes.set_xticks(range(1, epochs + 1) if epochs <= 6 else range(3, epochs + 1, 6))
        axes.set_ylim(top=1.0)
    grid[0].set_ylabel("Kendall's tau with the other\nseeds' final accuracy", fontsize=9, color=INK)
    # the panel of most lines has all labels
    named = max((axes.get_legend_handles_labels()[0] for axes in grid), key=len)
    figure.legend(handles=named, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    figure.suptitle("One seed's early epochs as a predictor", fontsize=12, color=INK, weight="bold")
    write_figure(figure, path)
