"""Results of replays of the study's tables, as other benchmarks wrote them, for the page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.markdown import markdown
from study.style import TITLES
from study.tables import TABLES

NONE = "*Not replayed yet.*"


def read_replays(folder: Path, kind: str) -> dict[str, Any]:
    """Return the results of `searchers`, `effects` or `exchange` by table, of those tables that have any."""
    files = {name: folder / f"{kind}_{name}.json" for name in TABLES}
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}


def searchers_table(found: Mapping[str, Any]) -> str:
    """Return hypervolumes after parts of the budget, by the networks' means and by fitted accuracies, as a table."""
    rows = []
    for name, result in found.items():
        budget = result["budget_epochs"]
        for search, kinds in result["searchers"].items():
            true, fitted = kinds["true"], kinds["fitted"]
            reached = true["median_epochs_to_random"]
            # files from before a searcher could have fewer than the others do not hold it
            searches = true.get("searches", result["seeds"])
            never = f", {true['never_reached']} of {searches} not at all" if true["never_reached"] else ""
            rows.append(
                [
                    TITLES[name],
                    search if searches == result["seeds"] else f"{search}, {searches} searches",
                    *(
                        _interval(kind["hypervolume"][str(round(share * budget))])
                        for kind, share in ((true, 0.25), (true, 1.0), (fitted, 0.25), (fitted, 0.5), (fitted, 1.0))
                    ),
                    (f"over {budget:,}" if reached > budget else f"{reached:,.0f}") + never,
                ]
            )
    header = ["table", "search", "by means, after a quarter", "after all"]
    header += ["by fitted accuracies, after a quarter", "after half", "after all"]
    header += ["epochs to random's final one by means, median"]
    return markdown(header, rows) if rows else NONE


def where_table(found: Mapping[str, Any]) -> str:
    """Return the errors of `where` on balanced trainings against the whole table's effects, in points, as a table."""
    rows = [
        [
            TITLES[name],
            str(score["trainings"]),
            f"{100 * score['error']:.2f}",
            f"{100 * score['largest_error']:.2f}",
            f"{100 * score['error_of_trail']:.2f}",
            f"{100 * score['held']:.1f} %",
            f"{100 * score['starred']:.0f} %",
            str(score["starred_wrongly"]),
        ]
        for name, result in found.items()
        for score in result["scores"]
    ]
    header = ["table", "balanced trainings", "mean error", "largest", "mean error of TPE's trail"]
    header += ["intervals that hold the truth", "starred", "of them with the wrong sign"]
    return markdown(header, rows) if rows else NONE


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['mean']:.4f} ({found['low']:.4f} to {found['high']:.4f})"
