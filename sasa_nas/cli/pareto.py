"""`sasa-nas pareto`: the networks of a run that no other dominates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.run import TrialRecord


def pareto(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or under way.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the front into this .png, .svg or .pdf file.", show_default=False)
    ] = None,
) -> None:
    """Show the networks of a run that no other beats in both accuracy and FLOPs."""
    from sasa_nas.analysis.pareto import summarise
    from sasa_nas.cli.output import print_json, stdout_console
    from sasa_nas.run import RunFolder, read_info, read_trials

    folder = RunFolder(run)
    info, records = read_info(folder), read_trials(folder)
    front = summarise(info, records)
    if plot is not None:
        from sasa_nas.analysis.figures import plot_front

        plot_front(records, plot, space=front.space, dataset=front.dataset)
    if as_json:
        print_json(front)
        return
    console = stdout_console()
    print_front(console, records)
    if plot is not None:
        console.print(f"Figure: {plot}", soft_wrap=True)


def print_front(console: Console, records: Sequence[TrialRecord]) -> None:
    """Prints the front of a run's trials as a table, its hypervolume, and what became of the other trials."""
    from sasa_nas.analysis.labels import compact_count, stage_labels
    from sasa_nas.analysis.pareto import count_outcomes, hypervolume, pareto_front
    from sasa_nas.cli.output import plain_table

    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in count_outcomes(records).items())
    front = pareto_front(records)
    if not front:
        console.print(f"No network of this run is trained to the end yet. Trials: {outcomes or 'none'}.")
        return
    numbers = ("trial", "accuracy", "FLOPs", "params", "seconds")
    table = plain_table("trial", "accuracy", "FLOPs", "params", "stem", "operators by stage", "seconds", right=numbers)
    for record in front:
        table.add_row(
            str(record.number),
            f"{100 * (record.accuracy or 0.0):.2f}%",
            compact_count(record.flops or 0),
            "-" if record.params is None else compact_count(record.params),
            record.architecture.stem.kind if record.architecture else "-",
            " ".join(stage_labels(record.architecture)) if record.architecture else "-",
            "-" if record.seconds is None else f"{record.seconds:.1f}",
        )
    console.print(table)
    area = hypervolume(records)
    if area.reference is not None:
        console.print(
            f"Hypervolume {area.value:.4f} (accuracy x decades of FLOPs, measured from accuracy "
            f"{area.reference.accuracy:.3g} at {compact_count(area.reference.flops)} FLOPs)",
            soft_wrap=True,
        )
    console.print(f"{len(front)} of {len(records)} trials on the front. Trials: {outcomes}.", soft_wrap=True)
