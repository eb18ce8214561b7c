"""The study of natural images: where attention helps at 32 and 64 pixels, from exhaustive tables.

    python benchmarks/natural_images.py [--tables DIR] [--data-dir DIR] [--no-scores]

Trains nothing: everything is told from those of the study's tables that exist, and the missing ones are named. Writes
`benchmarks/results/natural_images.json`, the figures in `docs/studies/`, and the tables of
`docs/studies/natural_images.md`, between its markers, two of them from what `searchers.py` and `effects.py` left of the
same tables, and two rows of a third from `one_shot.py`. Effects at equal FLOPs are those that `exchange.py` left, where
it has trained a table's other widths, else regressed. Training-free scores need the tables' images; those of a table
that has not changed are taken from the last results, and without images they are left out.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.by_width import exchanged, rates
from study.effects_figure import draw_effects
from study.epochs_figure import draw_epochs
from study.front_figure import draw_front
from study.main_effects import main_effects
from study.networks import networks
from study.page import filled
from study.page_tables import blocks
from study.predictors import shared_weights
from study.replays import read_replays, searchers_table, where_table
from study.result import table_result
from study.tables import NATURAL, TABLES, Studied, read_studied
from study.training_free import training_free_scores

from sasa_nas.errors import UserError
from sasa_nas.files import write_text
from sasa_nas.run.provenance import git_state, versions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "natural_images.json"
PAGE = ROOT / "docs" / "studies" / "natural_images.md"


def scores_of(
    studied: Studied, earlier: Mapping[str, Any], data_dir: Path | None, compute: bool
) -> dict[str, dict[str, float]]:
    """Return the training-free scores of the last results if they are of the same table, else new ones or none."""
    known = earlier.get(studied.name, {})
    if known.get("sha256") == studied.sha256 and known["scores"]:
        found: dict[str, dict[str, float]] = known["scores"]
        return found
    if not compute:
        return {}
    try:
        return training_free_scores(studied, data_dir)
    except UserError as error:
        print(f"{studied.name}: no training-free scores: {error}", file=sys.stderr)
        return {}


def draw(tables: list[Studied], results: Mapping[str, Any], exchanges: Mapping[str, Any], folder: Path) -> None:
    """Draw the figures that the tables allow."""
    natural = [one for one in tables if one.name in NATURAL]
    if natural:
        told = [(one, main_effects(one, exchanged(exchanges, one.name, one.sha256))) for one in natural]
        draw_effects(told, folder / "natural_images_effects.png")
    for one in natural:
        if members := networks(one):
            draw_front(one.name, members, folder / f"natural_images_{one.table.info.space['name']}.png")
    if tables:
        courses = [(one.name, results[one.name]["early_epochs"]) for one in tables]
        draw_epochs(courses, folder / "natural_images_epochs.png")


def main() -> int:
    """Write the results, the figures and the page's tables; 2 where there is no table at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", type=Path, default=ROOT / "tables", help="folder of the tables")
    parser.add_argument("--data-dir", type=Path, help="where the tables' images lie, for training-free scores")
    parser.add_argument("--no-scores", action="store_true", help="compute no training-free scores")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of results")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page; figures go into its folder")
    options = parser.parse_args()
    paths = {name: options.tables / f"{name}.json.gz" for name in TABLES}
    tables = [read_studied(path) for path in paths.values() if path.is_file()]
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        print(
            f"not there: {', '.join(missing)}; docs/studies/natural_images.md says how they are made", file=sys.stderr
        )
    if not tables:
        return 2
    earlier = json.loads(options.out.read_text(encoding="utf-8"))["tables"] if options.out.is_file() else {}
    exchanges = read_replays(options.out.parent, "exchange")
    results = {
        one.name: table_result(
            one,
            scores_of(one, earlier, options.data_dir, not options.no_scores),
            exchanged(exchanges, one.name, one.sha256),
        )
        for one in tables
    }
    for name, found in read_replays(options.out.parent, "one_shot").items():
        if name in results:
            results[name]["predictors"] |= shared_weights(found)
    result = {"tables": results, "missing": missing, "versions": versions(), "git": git_state()}
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    draw(tables, results, exchanges, options.page.parent)
    replays = {
        "rates": rates(exchanges),
        "searchers": searchers_table(read_replays(options.out.parent, "searchers")),
        "where": where_table(read_replays(options.out.parent, "effects")),
    }
    write_text(options.page, filled(options.page.read_text(encoding="utf-8"), blocks(results) | replays))
    print(f"{options.out}\n{options.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
