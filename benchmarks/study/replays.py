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
    """Return the true hypervolumes after a quarter of the budget and after all of it, table by table."""
    rows = []
    for name, result in found.items():
        budget = result["budget_epochs"]
        for search, kinds in result["searchers"].items():
            true = kinds["true"]
            reached = true["median_epochs_to_random"]
            # files from before a searcher could have fewer than the others do not hold it
            searches = true.get("searches", result["seeds"])
            never = f", {true['never_reached']} of {searches} not at all" if true["never_reached"] else ""
            rows.append(
                [
                    TITLES[name],
                    search if searches == result["seeds"] else f"{search}, {searches} searches",
                    *(_interval(true["hypervolume"][str(round(share * budget))]) for share in (0.25, 1.0)),
                    (f"over {budget:,}" if reached > budget else f"{reached:,.0f}") + never,
                ]
            )
    header = ["table", "search", "after a quarter", "after all", "epochs to random's final one, median"]
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
