"""`sasa-nas where`: the signed effect of attention in every stage, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.analysis.where import Effect, Interval, Where


def where(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or under way.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the effects into this .png, .svg or .pdf file.", show_default=False)
    ] = None,
    resolution: Annotated[float, typer.Option(help="The effect on accuracy that an answer should find.")] = 0.05,
) -> None:
    """Show where attention helps: each operator's effect on accuracy against convolution, stage by stage."""
    from sasa_nas.analysis.where import where as answer_of
    from sasa_nas.cli.output import print_json, stdout_console
    from sasa_nas.run import RunFolder, read_info, read_trials

    folder = RunFolder(run)
    answer = answer_of(read_info(folder), read_trials(folder), resolution=resolution)
    if plot is not None:
        from sasa_nas.analysis.where.figure import plot_where

        plot_where(answer, plot)
    if as_json:
        print_json(answer)
        return
    console = stdout_console()
    _print(console, answer)
    if plot is not None:
        console.print(f"Figure: {plot}", soft_wrap=True)


def _print(console: Console, answer: Where) -> None:
    from sasa_nas.cli.output import plain_table

    for stage in answer.stages[:1]:
        told = "" if stage.star else ", which chance would do as well"
        console.print(f"Attention helps most in stage {stage.stage}: {_points(stage)} points of accuracy{told}.\n")
    if answer.effects:
        headings = ("effect", "at matched FLOPs", "per GFLOP", "n")
        table = plain_table("factor", "level", "against", *headings, right=headings)
        shown = [e for e in answer.effects if e.factor.endswith(".operator") or e.star]
        for effect in shown:
            matched = effect.at_matched_flops
            table.add_row(
                effect.factor,
                str(effect.level),
                str(effect.baseline),
                _points(effect),
                "-" if matched is None else _points(matched),
                _per_gflop(effect),
                str(effect.n),
            )
        console.print(table)
        rest = len(answer.effects) - len(shown)
        hidden = f"; {rest} other factors without a star are in --json" if rest else ""
        console.print(f"Points of accuracy with 95 % intervals; * after Holm's correction{hidden}.\n", soft_wrap=True)
    for pair in answer.interactions:
        if pair.star:
            console.print(f"{pair.factors[0]} and {pair.factors[1]} together: {_points(pair)} beyond their sum")
    for swap in answer.swaps:
        ends = "" if swap.low is None or swap.high is None else f" [{100 * swap.low:+.1f}, {100 * swap.high:+.1f}]"
        console.print(f"In place, stage {swap.stage}: {100 * swap.effect:+.1f}{ends}, {swap.pairs} pairs of the front")
    console.print(f"{answer.note[0].upper()}{answer.note[1:]}.", soft_wrap=True)


def _points(interval: Interval) -> str:
    star = "*" if interval.star else " "
    return f"{100 * interval.effect:+.1f}{star} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def _per_gflop(effect: Effect) -> str:
    found = effect.per_gflop
    if found is None:
        return "-"
    return f"{100 * found.effect:+.3g} {'spent' if found.extra_gflops > 0 else 'saved'}"
