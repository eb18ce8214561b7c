"""`sasa-nas table`: training of every network of a small space, for searches that replay the trainings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.decoding import DecodingLog
from sasa_nas.cli.echo import echo
from sasa_nas.cli.options import DataFolder, Device, SpaceDataset, SpaceEpochs, SpaceTrainImages
from sasa_nas.workflows.observer import TableObserver

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.table.journal import Curve
    from sasa_nas.table.reliability import Consistency, Reliability


def table(
    space: Annotated[str, typer.Option(help="A shipped search space's name, or a YAML file.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The table's file, as a rule .json.gz.", show_default=False)],
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Trainings of each network, a seed each.")] = 3,
    repeated: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Networks, drawn at random, trained with every seed; the others have one. All if left out.",
            show_default=False,
        ),
    ] = None,
    dataset: SpaceDataset = None,
    epochs: SpaceEpochs = None,
    train_images: SpaceTrainImages = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a CPU core if left out.", show_default=False)
    ] = None,
    device: Device = "auto",
    data_dir: DataFolder = None,
) -> None:
    """Train every network of a small space, and keep accuracy and loss after every epoch, FLOPs and latency.

    Stopped, it goes on where it was when it is called again.
    """
    import sasa_nas
    from sasa_nas.cli.output import program, shell_line, stderr_console, stdout_console
    from sasa_nas.cli.signals import INTERRUPTED
    from sasa_nas.cli.space_overrides import with_overrides
    from sasa_nas.space import load_space

    try:
        made = sasa_nas.make_table(
            with_overrides(load_space(space), epochs=epochs, dataset=dataset, train_images=train_images, limits={}),
            out,
            seeds=range(seeds),
            repeated=repeated,
            workers=workers,
            data_dir=data_dir,
            device=device,
            observer=_TableLines(stderr_console()),
        )
    except KeyboardInterrupt:
        echo("Stopped; the same command goes on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    console = stdout_console()
    trainings = sum(len(row.seconds) for row in made.rows)
    console.print(
        f"{len(made.rows)} networks, {trainings} trainings of {made.info.epochs} epochs: {out}", soft_wrap=True
    )
    quality = sasa_nas.table_reliability(made)
    if quality is not None:
        console.print(_reliability_line(*quality), soft_wrap=True)
    console.print(f"\nSearch in it:\n  {shell_line(program(), 'search', '--replay', out)}", soft_wrap=True)


def _reliability_line(quality: Reliability, paired: Consistency | None) -> str:
    """Return a sentence on the reliability of single trainings, with its interval."""
    line = f"reliability of one training {quality.single:.2f} ({quality.low:.2f} to {quality.high:.2f})"
    if paired is None:
        return line
    return f"{line}; among trainings of one seed {paired.single:.2f} ({paired.low:.2f} to {paired.high:.2f})"


class _TableLines(TableObserver):
    """An observer that prints one line for every training.

    Args:
        console: Console of the lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._all = self._done = self._earlier = 0
        self._begun = 0.0
        self._decoding = DecodingLog(console)

    def decoding(self, done: int, images: int) -> None:
        """Print the beginning and the end of the decoding of images."""
        self._decoding.decoding(done, images)

    def started(self, trainings: int, done: int) -> None:
        """Print the number of trainings."""
        self._all, self._done, self._earlier = trainings, done, done
        self._begun = time.monotonic()
        self._console.print(f"{trainings} trainings, {done} of them done before")

    def trained(self, curve: Curve) -> None:
        """Print the result and an estimate of the remaining time."""
        from sasa_nas.cli.progress import clock

        self._done += 1
        pace = (time.monotonic() - self._begun) / (self._done - self._earlier)
        self._console.print(
            f"{self._done}/{self._all} network {curve.architecture_id}, seed {curve.seed}: "
            f"{100 * curve.accuracy[-1]:.2f}%, {curve.seconds:.0f} s, {clock(pace * (self._all - self._done))} left",
            soft_wrap=True,
        )

    def timed(self, done: int, networks: int) -> None:
        """Print once that latencies are measured, which needs an otherwise idle machine."""
        if done == 1:
            self._console.print(
                f"measuring the latency of {networks} networks; leave the machine to it", soft_wrap=True
            )
