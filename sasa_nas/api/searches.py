"""Searches: of a space by training, in a table of recorded trainings, or of designs alone."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sasa_nas.api.run import Run
from sasa_nas.api.supernets import train_supernet
from sasa_nas.run import ExternalResources, RunFolder, SearchSettings
from sasa_nas.run.external import NOTHING
from sasa_nas.space import SearchSpace, load_space
from sasa_nas.workflows.observer import SupernetObserver

if TYPE_CHECKING:
    from sasa_nas.run.supernet_folder import SupernetFolder
    from sasa_nas.searching.observer import SearchObserver
    from sasa_nas.searching.plan import Design, SearchPlan
    from sasa_nas.training.loop import EpochReport


def search(
    space: SearchSpace | str | Path,
    settings: SearchSettings | None = None,
    *,
    out: Path | str | None = None,
    observer: "SearchObserver | None" = None,
    command: str = "",
) -> Run:
    """Train many networks of a space, and keep all there is to know of them in a new run folder.

    Ctrl-C ends a search early; `resume` goes on with it.

    Args:
        space: Search space, the name of one that ships with the package, or a YAML file.
        settings: Number of trials, sampler, objectives, workers and the rest; the defaults if None.
        out: Folder of the run, which must not exist or be empty; `runs/<space>-<time>` if None.
        observer: Observer of the progress; None for none.
        command: Command line that asked for the search, for the record.

    Returns:
        The run, whose `session` says how the search ended.

    Raises:
        UserError: If the search cannot be carried out as asked; then nothing was written.

    Examples:
        >>> import sasa_nas
        >>> run = sasa_nas.search("tiny", sasa_nas.SearchSettings(trials=8))  # doctest: +SKIP
        >>> [point.operators for point in run.pareto().front]  # doctest: +SKIP
    """
    from sasa_nas import searching  # Ray, which takes seconds to import

    wanted = space if isinstance(space, SearchSpace) else load_space(str(space))
    place = None if out is None else Path(out)
    observer = observer or searching.SearchObserver()
    prepare = partial(_judge_by_supernet, observer)
    summary = searching.search(wanted, settings, out=place, observer=observer, command=command, prepare=prepare)
    return Run(summary.folder.path, session=summary)


def resume(
    run: Path | str,
    *,
    trials: int | None = None,
    external: ExternalResources = NOTHING,
    observer: "SearchObserver | None" = None,
) -> Run:
    """Go on with a search where it stopped: finished trials stay, those under way begin again.

    Args:
        run: Folder of the run.
        trials: New number of trials, if more are wanted than the run was begun with.
        external: Resources outside the run's folder that its record names, named again, or others in their place.
        observer: Observer of the progress; None for none.

    Returns:
        The run, whose `session` says how this session ended.

    Raises:
        UserError: If the folder is no run, its record names a resource that `external` does not, the data set has
            changed, or another process is searching in it.

    Examples:
        >>> import sasa_nas
        >>> run = sasa_nas.resume("runs/first", trials=64)  # doctest: +SKIP
    """
    from sasa_nas import searching

    observer = observer or searching.SearchObserver()
    prepare = partial(_judge_by_supernet, observer)
    summary = searching.resume(Path(run), trials=trials, external=external, observer=observer, prepare=prepare)
    return Run(summary.folder.path, session=summary)


def replay(
    table: Path | str,
    settings: SearchSettings | None = None,
    *,
    out: Path | str | None = None,
    observer: "SearchObserver | None" = None,
    command: str = "",
) -> Run:
    """Search in a table of recorded trainings: the same proposals and early stopping, without training.

    Args:
        table: File that `make_table` wrote; its space is searched.
        settings: Number of trials, sampler, objectives and the rest; the defaults if None.
        out: Folder of the run; `runs/<space>-replay-<time>` if None.
        observer: Observer of the progress; None for none.
        command: Command line that asked for the search, for the record.

    Returns:
        The run, which holds no weights.

    Raises:
        UserError: If the table cannot be read, or the folder cannot be made.

    Examples:
        >>> import sasa_nas
        >>> run = sasa_nas.replay("tables/hybrid256_digits.json.gz")  # doctest: +SKIP
    """
    from sasa_nas.searching.simulate.replay import replay as replay_table

    place = None if out is None else Path(out)
    summary = replay_table(Path(table), settings or SearchSettings(), out=place, observer=observer, command=command)
    return Run(summary.folder.path, session=summary)


def draw_designs(
    space: SearchSpace | str | Path, designs: int, settings: SearchSettings | None = None
) -> "Iterator[Design]":
    """Draw designs that a search could train, in balance over the space's options; nothing is trained.

    Args:
        space: Search space, the name of one that ships with the package, or a YAML file.
        designs: Number of designs; a small space repeats itself.
        settings: Settings whose seed and folder of data sets are used; the defaults if None.

    Returns:
        The designs, one after the other, each with its parameters and FLOPs.

    Raises:
        UserError: If no design is within the space's limits, or one of them can only be measured.

    Examples:
        >>> import sasa_nas
        >>> [design.params < 100_000 for design in sasa_nas.draw_designs("tiny", 3)]
        [True, True, True]
    """
    from sasa_nas.searching.plan import dry_run, plan_designs

    wanted = space if isinstance(space, SearchSpace) else load_space(str(space))
    return dry_run(plan_designs(wanted, settings or SearchSettings()), designs)


class _Forwarding(SupernetObserver):
    """An observer of a supernet that reports to a search's.

    Args:
        observer: Observer of the search.
    """

    def __init__(self, observer: "SearchObserver") -> None:
        self._observer = observer

    def supernet_started(self, folder: "SupernetFolder", seeds: Sequence[int], epochs: int, designs: int) -> None:
        """Report what is trained and judged."""
        self._observer.preparing(f"supernet: {epochs} epochs, then {designs} networks are judged")

    def epoch_ended(self, seed: int, metrics: "EpochReport") -> None:
        """Report an epoch."""
        self._observer.preparing(f"supernet: epoch {metrics.epoch}, {metrics.headline}")


def _judge_by_supernet(observer: "SearchObserver", folder: RunFolder, plan: "SearchPlan") -> None:
    """Train the supernet of a search that wants one, in the run's folder, and judge the space's designs by it."""
    if plan.settings.one_shot:
        train_supernet(
            plan.space,
            folder.supernet.path,
            seeds=(plan.settings.seed,),
            data_dir=plan.settings.data_dir,
            observer=_Forwarding(observer),
        )
