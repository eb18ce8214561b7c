"""`sasa-nas where`: signed effects of attention in every stage, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.external import Address, DataDir, Dataset, Storage
from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas import Run
    from sasa_nas.analysis.where import Bounds, Interval, Where


_OTHERS = {"failures_as_chance": "failures as chance", "without_outliers": "without outliers"}
"""Headings of further estimates of an effect, by the name in JSON; only those that a run has are printed."""


def where(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or under way.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the effects into this .png, .svg or .pdf file.", show_default=False)
    ] = None,
    resolution: Annotated[float, typer.Option(help="The effect on accuracy that an answer should find.")] = 0.05,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of scores of all networks of the space by their id, which may narrow the intervals, "
            "instead of FLOPs and parameters.",
            show_default=False,
        ),
    ] = None,
    more: Annotated[
        int, typer.Option(min=0, metavar="N", help="First train N more networks in balance, two of each design.")
    ] = 0,
    widths: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="First train the all-convolution network N times at other widths, for effects at equal FLOPs; 8 is "
            "twice at each width.",
        ),
    ] = 0,
    swaps: Annotated[
        bool,
        typer.Option("--swaps", help="First train the front's networks, and twins with convolution in one stage."),
    ] = False,
    swap_seeds: Annotated[
        int | None, typer.Option(min=1, help="With --swaps: seeds of each network and twin; 1.", show_default=False)
    ] = None,
    address: Address = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    dataset: Dataset = None,
) -> None:
    """Show where attention helps: each operator's effect on accuracy against convolution, stage by stage.

    With --more, --widths or --swaps, what the run uses outside its folder is named again, as for resume.
    """
    import sasa_nas
    from sasa_nas.cli.external import resources, words_for_run
    from sasa_nas.cli.more_training import train_more
    from sasa_nas.cli.output import print_json, program, shell_line, stdout_console

    if swap_seeds is not None and not swaps:
        raise UserError("--swap-seeds says how often --swaps trains; give both")
    source = sasa_nas.Run(run)
    if more or widths or swaps:
        external = resources(address, storage, data_dir, dataset)
        train_more(source, external, balanced=more, widths=widths, swaps=swaps, swap_seeds=swap_seeds or 1)
    answer = source.where(resolution=resolution, scores=scores)
    if plot is not None:
        from sasa_nas.analysis.where.figure import plot_where

        plot_where(answer, plot)
    if as_json:
        print_json(answer)
        return
    console = stdout_console()
    _print(console, answer)
    trainable = source.info.table is None
    if answer.more_trials and trainable:
        words = shell_line(program(), "where", run, "--more", answer.more_trials, *words_for_run(source.folder))
        console.print(f"\nTrain them:\n  {words}", soft_wrap=True)
    if answer.more_widths and trainable:
        words = shell_line(program(), "where", run, "--widths", answer.more_widths, *words_for_run(source.folder))
        console.print(f"\nSee effects at equal FLOPs, by what these buy as width:\n  {words}", soft_wrap=True)
    if plot is not None:
        console.print(f"Figure: {plot}", soft_wrap=True)


def _print(console: Console, answer: Where) -> None:
    from sasa_nas.analysis.labels import stage_name
    from sasa_nas.analysis.where import words
    from sasa_nas.cli.output import plain_table

    if answer.stages or answer.bounds is not None:
        console.print(f"{words.headline(answer)}\n", soft_wrap=True)
    if answer.effects:
        others = [name for name in _OTHERS if any(getattr(e, name) is not None for e in answer.effects)]
        equal = ["at equal FLOPs"] if answer.exchange is not None else []
        headings = ("effect", *map(_OTHERS.__getitem__, others), "FLOPs", *equal, "n")
        table = plain_table("factor", "level", "against", *headings, right=headings)
        shown = [e for e in answer.effects if e.factor.endswith(".operator") or e.star]
        for effect in shown:
            table.add_row(
                words.factor_name(effect.factor),
                str(effect.level),
                str(effect.baseline),
                _points(effect),
                *(_points(getattr(effect, name)) for name in others),
                _change(effect.extra_flops),
                *([_points(effect.at_equal_flops)] if equal else []),
                str(effect.n),
            )
        console.print(table)
        rest = len(answer.effects) - len(shown)
        hidden = f"; {rest} other factors without a star are in --json" if rest else ""
        console.print(f"Points of accuracy with 95 % intervals; * after Holm's correction{hidden}.\n", soft_wrap=True)
    for sentence in (*words.together(answer), *words.remarks(answer)):
        console.print(sentence, soft_wrap=True)
    if answer.bounds is not None and not answer.enough:
        _print_table(console, answer.bounds)
    if answer.swaps:
        table = plain_table("in place", "operators", "effect", "pairs", "trials swapped", right=("effect", "pairs"))
        for swap in answer.swaps:
            ends = "" if swap.low is None or swap.high is None else f" [{100 * swap.low:+.1f}, {100 * swap.high:+.1f}]"
            table.add_row(
                stage_name(swap.stage),
                ", ".join(swap.operators),
                f"{100 * swap.effect:+.1f}{ends}",
                str(swap.pairs),
                ", ".join(map(str, swap.networks)),
            )
        console.print(table)
        console.print("The front's networks against twins with convolution in that stage, trained with equal seeds.\n")
    console.print(words.note(answer), soft_wrap=True)
    if answer.more_for_interactions:
        console.print(f"Which operators go together would take at least {answer.more_for_interactions} more to tell.")


def print_bounds(console: Console, run: Run) -> None:
    """Print what all trainings of a run say of attention, if they are enough to say something."""
    from sasa_nas.analysis.where import words

    found = run.bounds()
    if found is not None:
        console.print(f"{words.bounded(found)} {words.basis(found)}", soft_wrap=True)


def _print_table(console: Console, bounds: Bounds) -> None:
    from sasa_nas.analysis.where import words
    from sasa_nas.cli.output import plain_table

    table = plain_table("by all trainings", "attention", right=("attention",))
    for one in bounds.places:
        table.add_row(
            words.factor_name(one.factor),
            f"{100 * one.effect:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]",
        )
    console.print(table)
    console.print(f"{words.basis(bounds)}\n", soft_wrap=True)


def _points(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    star = "*" if interval.star else " "
    return f"{100 * interval.effect:+.1f}{star} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def _change(share: float) -> str:
    return f"{100 * share:+.0f} %"
