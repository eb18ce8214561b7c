"""`sasa-nas retrain`: networks of a run trained in full, with several seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sasa_nas.cli.echo import echo
from sasa_nas.cli.options import DataFolder
from sasa_nas.cli.recipes import (
    MOST_PROCESSES,
    Address,
    FullRecipeName,
    LoaderWorkers,
    RecipeChanges,
    full_recipe,
    parse_gpus,
    words_for_at_once,
    words_for_processes,
)
from sasa_nas.cli.shares import AUTO
from sasa_nas.cli.signals import INTERRUPTED
from sasa_nas.cli.tracking import Track, track_words, tracking
from sasa_nas.cli.value_checks import MOST_SEED
from sasa_nas.errors import UserError
from sasa_nas.objectives import OBJECTIVES

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.analysis.retrained import Retrained, SeedMean


def retrain(
    run: Annotated[Path, typer.Argument(help="The run's folder.", show_default=False)],
    trial: Annotated[
        list[int] | None,
        typer.Option(min=0, help="A trial's number; give it several times for several. The front if left out."),
    ] = None,
    front: Annotated[bool, typer.Option("--front", help="The front, also beside --trial.")] = False,
    sample: Annotated[
        int, typer.Option(min=0, help="Also so many other networks, at random: what the proxy is judged by.")
    ] = 0,
    size: Annotated[
        Literal["target", "proxy"] | None,
        typer.Option(help="Full width and depth, or those at which the search trained.", show_default="target"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The retraining's name: RUN/retrain/NAME.", show_default="its size")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Trainings of each network.", show_default="3")
    ] = None,
    first_seed: Annotated[
        int | None, typer.Option(min=0, max=MOST_SEED, help="The first seed.", show_default="0")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What to train on.", show_default="the space's target or proxy")
    ] = None,
    image_size: Annotated[int | None, typer.Option(min=1, help="Side of the images.", show_default=False)] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the train split.", show_default="the target's, or 3 x the proxy's"),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images of a step.", show_default=False)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The peak.", show_default=False)] = None,
    recipe: FullRecipeName = None,
    changes: RecipeChanges = None,
    gpus: Annotated[
        str,
        typer.Option(
            "--gpus",
            "--processes",
            metavar="auto|N|LEAST:MOST",
            help="Processes that train each network together, a GPU each; auto for what ends first. With --address, "
            "LEAST:MOST for as many as there are.",
        ),
    ] = AUTO,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_PROCESSES, help="Networks and seeds trained at a time.", show_default="as GPUs allow"
        ),
    ] = None,
    address: Address = None,
    loader_workers: LoaderWorkers = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default="auto")] = None,
    data_dir: DataFolder = None,
    track: Track = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Train the front, or chosen trials, in full: full width and depth, more epochs, several seeds.

    Stopped, it goes on when it is called again. Each network's test split is read once, when its seeds are trained.
    """
    import sasa_nas
    from sasa_nas.cli.external import words_for_training
    from sasa_nas.cli.output import print_json, program, shell_line, stdout_console
    from sasa_nas.cli.retraining_progress import observing_retraining
    from sasa_nas.run.retraining_records import read_retraining

    processes = None if gpus == AUTO else parse_gpus(gpus)
    source = sasa_nas.Run(run)
    chosen = tuple(trial or ())
    if front and chosen:
        chosen = (*chosen, *(point.trial for point in source.pareto().front))
    request = sasa_nas.RetrainingRequest(
        trials=chosen,
        sample=sample,
        size=size,
        name=name,
        seeds=seeds,
        first_seed=first_seed,
        dataset=dataset,
        image_size=image_size,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        recipe=full_recipe(recipe, changes or ()),
        device=device,
        data_dir=data_dir,
    )
    command = shell_line("sasa-nas", *sys.argv[1:])
    with tracking(track) as trackers, observing_retraining() as progress:
        summary, found = source.retrain(
            request,
            processes=processes,
            at_once=at_once,
            loader_workers=loader_workers,
            address=address,
            observer=trackers.retraining_observer(progress),
            command=command,
        )
    for number, reason in summary.failures.items():
        echo(f"sasa-nas: trial {number} is not trained: {reason}", err=True)
    if as_json:
        print_json(found)
    else:
        console = stdout_console()
        console.print(f"\nRetraining: {summary.folder.path}", soft_wrap=True)
        print_retrained(console, found)
    if summary.interrupted:
        external = (*words_for_training(read_retraining(summary.folder)), *track_words(track))
        again = (*external, *words_for_processes(gpus, address, default=AUTO), *words_for_at_once(at_once))
        words = shell_line(program(), "retrain", run, "--name", summary.name, *again)
        echo(f"\nStopped early. Go on with:\n  {words}", err=as_json)
        raise typer.Exit(INTERRUPTED)
    if summary.failures:
        raise UserError(f"{len(summary.failures)} of the {found.wanted} networks could not be trained")
    if not as_json:
        echo(f"\nSee it in the report:\n  {shell_line(program(), 'report', run)}")


def print_retrained(console: Console, found: Retrained) -> None:
    """Print the networks with their error bars, and the rank correlation of the proxy."""
    from sasa_nas.analysis.labels import compact_count
    from sasa_nas.cli.output import plain_table

    numbers = ("trial", "FLOPs", "params", "proxy", "validation", "test")
    table = plain_table("", *numbers, "stem", "operators by stage", right=numbers)
    for network in found.networks:
        table.add_row(
            "*" if network.on_front else "",
            str(network.trial),
            compact_count(network.flops),
            compact_count(network.params),
            f"{100 * network.proxy_accuracy:.2f}%",
            _bars(network.validation),
            _bars(network.test),
            network.stem or "-",
            " ".join(network.operators) or "-",
        )
    if found.networks:
        console.print(table)
    of = f"{found.seeds} seeds, {found.epochs} epochs on {found.dataset}, {found.size} size"
    console.print(f"{len(found.networks)} of {found.wanted} networks trained, {of}.", soft_wrap=True)
    if not found.networks:
        return
    if found.seeds > 1:
        console.print("Means over the seeds; in brackets the 95% interval of the mean (Student's t).", soft_wrap=True)
    console.print("* on the front, by the means on the validation split.", soft_wrap=True)
    if found.correlations:
        titles = {"proxy_accuracy": "proxy"} | {row.name: row.title for row in OBJECTIVES.values()}
        columns = ("Kendall's tau", "95% interval", "networks")
        ranks = plain_table("sorted by", *columns, right=columns)
        for key, rank in found.correlations.items():
            ranks.add_row(titles[key], f"{rank.tau:.2f}", f"{rank.low:.2f} to {rank.high:.2f}", str(rank.n))
        console.print()
        console.print(ranks)
    console.print(found.verdict, soft_wrap=True)


def _bars(mean: SeedMean) -> str:
    text = f"{100 * mean.mean:.2f}%"
    if mean.low is None or mean.high is None:
        return text
    return f"{text} ({100 * mean.low:.1f} to {100 * mean.high:.1f})"
