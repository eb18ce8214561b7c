"""`sasa-nas scores`: rank correlation of scores with a run's accuracies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.objectives import OBJECTIVES

if TYPE_CHECKING:
    from sasa_nas.analysis.rank_correlation import RankCorrelation


def scores(
    run: Annotated[Path, typer.Argument(help="A run, searched with --scores or --one-shot.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Show how well scores sort a run's networks by accuracy, beside parameters and FLOPs."""
    import sasa_nas
    from sasa_nas.cli.output import plain_table, print_json, stdout_console

    report = sasa_nas.Run(run).scores()
    if as_json:
        print_json(report)
        return
    console = stdout_console()
    console.print(
        f"Kendall's tau with the accuracy of {report.networks} trained networks of {report.space} on {report.dataset}, "
        "with 95% bootstrap intervals",
        soft_wrap=True,
    )
    table = plain_table("predictor", "tau", "interval", "networks", "verdict", right=("tau", "networks"))
    for score in report.scores:
        table.add_row(score.name, *_cells(score.correlation), score.verdict)
    for size in report.sizes:
        table.add_row(OBJECTIVES[size.name].title, *_cells(size.correlation), "")
    console.print(table)


def _cells(correlation: RankCorrelation | None) -> tuple[str, str, str]:
    if correlation is None:
        return "-", "-", "-"
    interval = f"{correlation.low:+.2f} to {correlation.high:+.2f}"
    return f"{correlation.tau:+.2f}", interval, str(correlation.n)
