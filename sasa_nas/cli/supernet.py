"""`sasa-nas supernet`: judgement of every design of a space by one training."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.api.supernets import MOST_PATHS
from sasa_nas.cli.decoding import DecodingLog
from sasa_nas.cli.echo import echo
from sasa_nas.cli.options import DataFolder, Device, SpaceDataset, SpaceEpochs, SpaceTrainImages
from sasa_nas.workflows.observer import SupernetObserver

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.run.path_records import PathRecord
    from sasa_nas.run.supernet_folder import SupernetFolder
    from sasa_nas.training.loop import EpochReport
    from sasa_nas.workflows.supernet import SupernetSummary

SHOWN = 10
"""Designs that are printed, the best."""
EVERY = 50
"""Judged designs between two lines of progress."""


def supernet(
    space: Annotated[str, typer.Option(help="A shipped search space's name, or a YAML file.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The supernet's folder.", show_default=False)],
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Supernets, a seed each, whose scores are averaged.")] = 1,
    epochs: SpaceEpochs = None,
    dataset: SpaceDataset = None,
    train_images: SpaceTrainImages = None,
    paths: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most designs to judge; of a larger space so many, in balance.")
    ] = MOST_PATHS,
    device: Device = "auto",
    data_dir: DataFolder = None,
) -> None:
    """Train one network that contains all designs of a space, and judge each design by it.

    Stopped, it goes on where it was when it is called again.
    """
    import sasa_nas
    from sasa_nas.cli.output import shell_line, stderr_console
    from sasa_nas.cli.signals import INTERRUPTED
    from sasa_nas.cli.space_overrides import with_overrides
    from sasa_nas.space import load_space

    try:
        found = sasa_nas.train_supernet(
            with_overrides(load_space(space), epochs=epochs, dataset=dataset, train_images=train_images, limits={}),
            out,
            seeds=range(seeds),
            most_paths=paths,
            data_dir=data_dir.resolve() if data_dir else None,
            device=device,
            observer=SupernetLines(stderr_console()),
            command=shell_line("sasa-nas", *sys.argv[1:]),
        )
    except KeyboardInterrupt:
        echo("Stopped; the same command goes on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _print(found)


def _print(found: SupernetSummary) -> None:
    """Print the best designs, and how far the seeds agree."""
    import sasa_nas
    from sasa_nas.analysis.labels import stage_letters
    from sasa_nas.cli.output import plain_table, stdout_console

    console = stdout_console()
    scores = sasa_nas.supernet_scores(found.folder.path)
    best = sorted((design for design in found.designs if design.id in scores), key=lambda design: -scores[design.id])
    table = plain_table("network", "operators", "validation loss", right=("validation loss",))
    for design in best[:SHOWN]:
        table.add_row(design.id, stage_letters(design), f"{-scores[design.id]:.4f}")
    console.print(f"{len(best)} networks judged: {found.folder.paths}", soft_wrap=True)
    console.print(table)
    tau = sasa_nas.supernet_agreement(found.folder.path)
    if tau is not None:
        console.print(f"Kendall's tau between two seeds, mean: {tau:.2f}", soft_wrap=True)


class SupernetLines(SupernetObserver):
    """An observer that prints a line for every epoch, and for some judged paths.

    Args:
        console: Console of the lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._decoding = DecodingLog(console)
        self._epochs = self._designs = self._seeds = 0

    def decoding(self, done: int, images: int) -> None:
        """Print the beginning and the end of the decoding of images."""
        self._decoding.decoding(done, images)

    def supernet_started(self, folder: SupernetFolder, seeds: Sequence[int], epochs: int, designs: int) -> None:
        """Print what is trained and judged."""
        self._epochs, self._designs, self._seeds = epochs, designs, len(seeds)
        many = "1 supernet" if self._seeds == 1 else f"{self._seeds} supernets"
        self._say(f"{folder.path}: {many} of {epochs} epochs, {designs} networks to judge")

    def seed_started(self, seed: int, epochs: int) -> None:
        """Print the epoch at which a seed is resumed, if it was begun before."""
        if epochs:
            self._say(f"seed {seed} goes on after epoch {epochs}/{self._epochs}")

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Print that the seed begins again, with the reason."""
        self._say(f"seed {seed} begins again: {reason}")

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Print the epoch's metrics, and when the seed's last one ends."""
        from sasa_nas.cli.progress import clock

        left = clock(metrics.seconds_train * (self._epochs - metrics.epoch))
        self._say(f"seed {seed} epoch {metrics.epoch}/{self._epochs}: {metrics.headline}, {left} left of its training")

    def path_judged(self, record: PathRecord, done: int) -> None:
        """Print how many networks are judged, now and then."""
        if done % EVERY == 0 or done == self._designs:
            self._say(f"seed {record.seed}: {done}/{self._designs} networks judged")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)
