"""`sasa-nas search` and `sasa-nas resume`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.counts import parse_amount, parse_count
from sasa_nas.cli.external import Address, DataDir, Dataset, Storage
from sasa_nas.cli.options import BalancedAtName, DataFolder, SamplerName, SpaceDataset, SpaceEpochs, SpaceTrainImages
from sasa_nas.cli.signals import INTERRUPTED
from sasa_nas.cli.tracking import Track, TrackerName, track_words, tracking
from sasa_nas.cli.value_checks import MOST_SEED
from sasa_nas.errors import UserError
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.scoring import SCORES

if TYPE_CHECKING:
    from sasa_nas.api.run import Run
    from sasa_nas.run import SearchSettings


def search(
    space: Annotated[
        str | None, typer.Option(help="A shipped search space's name, or a YAML file.", show_default=False)
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Distinct networks to train.")] = 32,
    epochs: SpaceEpochs = None,
    dataset: SpaceDataset = None,
    train_images: SpaceTrainImages = None,
    max_params: Annotated[
        int | None,
        typer.Option(parser=parse_count, metavar="N", help="Most parameters, as 500000 or 2M.", show_default=False),
    ] = None,
    max_flops: Annotated[
        float | None,
        typer.Option(parser=parse_amount, metavar="N", help="Most FLOPs of an image, as 2.5G.", show_default=False),
    ] = None,
    max_memory: Annotated[
        float | None,
        typer.Option(
            parser=parse_amount,
            metavar="N",
            help="Most bytes that a training step may keep, as 512M.",
            show_default=False,
        ),
    ] = None,
    max_latency: Annotated[
        float | None, typer.Option(help="Most seconds for one image, measured before training.", show_default=False)
    ] = None,
    objectives: Annotated[
        str,
        typer.Option(help=f"Comma-separated, accuracy among them: {', '.join(OBJECTIVES)}."),
    ] = "accuracy,flops",
    sampler: Annotated[
        SamplerName | None,
        typer.Option(
            help="Who proposes designs; by default model, or tpe where costs are measured or with --halving.",
            show_default=False,
        ),
    ] = None,
    balanced: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the trials drawn in balance, from which `where` tells effects."),
    ] = 0.25,
    balanced_at: Annotated[
        BalancedAtName,
        typer.Option(help="flops: widen or thin each balanced design until it costs what convolution would."),
    ] = BalancedAtName.DESIGN,
    halving: Annotated[
        bool, typer.Option("--halving", help="Stop trainings early that others outdo in all objectives together.")
    ] = False,
    eta: Annotated[int, typer.Option(min=2, help="With --halving: one of so many goes on.")] = 3,
    grace_epochs: Annotated[int, typer.Option(min=1, help="With --halving: epochs that every training gets.")] = 1,
    accuracy_floor: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Networks below are of no interest, however cheap.", show_default=False),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(help=f"Training-free scores to give each design: {','.join(SCORES)}.", show_default=False),
    ] = None,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="Judge the space's designs by a supernet first; see `supernet`.")
    ] = False,
    score_filter: Annotated[
        str | None,
        typer.Option(
            help=f"Train of designs proposed by chance only the best by this score: {', '.join(SCORES)}.",
            show_default=False,
        ),
    ] = None,
    score_keep: Annotated[float, typer.Option(min=0.01, max=1, help="With --score-filter: the share kept.")] = 0.25,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Fixes proposals, initial weights and data order.")
    ] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; as many as fit if left out.", show_default=False)
    ] = None,
    cpus_per_trial: Annotated[
        str, typer.Option(metavar="N", help="CPU cores of each trial; auto: measured before, for most images a second.")
    ] = "1",
    gpus_per_trial: Annotated[
        str | None,
        typer.Option(
            metavar="F",
            help="GPUs of each trial, also a fraction; auto: measured before; 1 where there is a GPU.",
            show_default=False,
        ),
    ] = None,
    trial_timeout: Annotated[
        float | None,
        typer.Option(min=0.001, help="Seconds after which a trial's worker is killed.", show_default=False),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster to join, such as `auto`.", show_default=False)
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="An empty folder such as s3://bucket/first, for workers that do not share the disk of --out.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataFolder = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/<space>-<time> if left out.", show_default=False)
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            metavar="TABLE",
            help="Search in this table of recorded trainings, whose space it is, and train nothing.",
            show_default=False,
        ),
    ] = None,
    track: Track = None,
    dry_run: Annotated[
        int, typer.Option(min=0, metavar="N", help="Only print N designs with their cost; train nothing.")
    ] = 0,
) -> None:
    """Search a space: train many of its networks and find the Pareto front of accuracy against FLOPs."""
    from sasa_nas.cli.lists import parse_objectives, parse_score, parse_scores
    from sasa_nas.cli.shares import parse_shares
    from sasa_nas.cli.space_overrides import with_overrides
    from sasa_nas.run import SearchSettings
    from sasa_nas.space import load_space

    shares = parse_shares(cpus_per_trial, gpus_per_trial)
    settings = SearchSettings(
        trials=trials,
        seed=seed,
        workers=workers,
        cpus_per_trial=shares.cpus_per_trial,
        gpus_per_trial=shares.gpus_per_trial,
        auto=shares.auto,
        trial_timeout=trial_timeout,
        address=address,
        storage=storage,
        data_dir=data_dir.resolve() if data_dir else None,
        sampler=sampler.value if sampler else None,
        objectives=parse_objectives(objectives),
        balanced=balanced,
        balanced_at=balanced_at.value,
        halving=halving,
        eta=eta,
        grace_epochs=grace_epochs,
        accuracy_floor=accuracy_floor,
        scores=parse_scores(scores),
        one_shot=one_shot,
        score_filter=parse_score(score_filter),
        score_keep=score_keep,
    )
    if (space is None) == (table is None):
        raise UserError("give either --space, to train, or --replay TABLE, to search in recorded trainings")
    limits = {
        "max_params": max_params,
        "max_flops": max_flops,
        "max_memory": max_memory,
        "max_latency": max_latency,
    }
    if table is not None:
        if dry_run or any(wish is not None for wish in (epochs, dataset, train_images, *limits.values())):
            raise UserError("a table's space is as it is: --replay goes without options that change it or draw from it")
        _replay(table, settings, out, track)
        return
    wanted = with_overrides(
        load_space(space or ""), epochs=epochs, dataset=dataset, train_images=train_images, limits=limits
    )
    if dry_run:
        from sasa_nas.cli.dry_run import print_designs

        print_designs(wanted, settings, dry_run)
        return
    import sasa_nas
    from sasa_nas.cli.output import shell_line
    from sasa_nas.cli.progress import observing

    command = shell_line("sasa-nas", *sys.argv[1:])
    with tracking(track) as trackers, observing() as progress:
        observer = trackers.search_observer(progress)
        found = sasa_nas.search(wanted, settings, out=out, observer=observer, command=command)
    _conclude(found, track)


def resume(
    run: Annotated[Path, typer.Argument(help="The run's folder.", show_default=False)],
    trials: Annotated[
        int | None, typer.Option(min=1, help="A new number of networks to train.", show_default=False)
    ] = None,
    address: Address = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    dataset: Dataset = None,
    track: Track = None,
) -> None:
    """Go on with a search where it stopped: finished trials stay, interrupted ones begin again.

    What the run uses outside its folder is named again: a cluster, a storage, folders of data.
    """
    import sasa_nas
    from sasa_nas.cli.external import resources
    from sasa_nas.cli.progress import observing

    with tracking(track) as trackers, observing() as progress:
        external = resources(address, storage, data_dir, dataset)
        observer = trackers.search_observer(progress)
        found = sasa_nas.resume(run, trials=trials, external=external, observer=observer)
    _conclude(found, track)


def _replay(table: Path, settings: SearchSettings, out: Path | None, track: list[TrackerName] | None) -> None:
    import sasa_nas
    from sasa_nas.cli.output import shell_line, stdout_console
    from sasa_nas.cli.pareto import print_front
    from sasa_nas.cli.progress import observing
    from sasa_nas.cli.where import print_bounds

    command = shell_line("sasa-nas", *sys.argv[1:])
    with tracking(track) as trackers, observing() as progress:
        observer = trackers.search_observer(progress)
        run = sasa_nas.replay(table, settings, out=out, observer=observer, command=command)
    console = stdout_console()
    console.print(f"\nRun: {run.folder.path}, replayed: it holds no weights", soft_wrap=True)
    print_front(console, run.trials())
    print_bounds(console, run)


def _conclude(run: Run, track: list[TrackerName] | None) -> None:
    """Print the run's path, its front, and the next steps."""
    from sasa_nas.cli.external import words_for_run
    from sasa_nas.cli.output import program, shell_line, stdout_console
    from sasa_nas.cli.pareto import print_front
    from sasa_nas.cli.where import print_bounds
    from sasa_nas.run.designs import designs
    from sasa_nas.run.phases import add_up, tell

    session = run.session
    assert session is not None
    path, external = run.folder.path, (*words_for_run(run.folder), *track_words(track))
    console = stdout_console()
    console.print(f"\nRun: {path}", soft_wrap=True)
    print_front(console, session.records, run.info.settings.objectives)
    print_bounds(console, run)
    console.print(f"Where the time went: {tell(add_up(record.phases for record in session.records))}.")
    if session.exhausted:
        console.print("Every network of the space is trained: there was no new one left to try.")
    if session.interrupted:
        console.print(
            f"\nStopped early. Go on with:\n  {shell_line(program(), 'resume', path, *external)}", soft_wrap=True
        )
        raise typer.Exit(INTERRUPTED)
    trials = sum(record.outcome.spent for record in session.records)
    target = Path("exports") / path.name.replace("-", "_")
    suggestions: list[tuple[str, tuple[object, ...]]] = [
        ("See where attention helps", ("where", path, "--plot", path / "where.png")),
        ("Write it all as one HTML file", ("report", path)),
    ]
    if designs(session.records):  # there is no front where all designs are widened or thinned to equal FLOPs
        suggestions += [
            ("See the front again, and draw it", ("pareto", path, "--plot", path / "front.png")),
            ("Take the best network as a module", ("export", path, "--pick", "best", "--out", target)),
        ]
    if not session.exhausted:
        suggestions.append(("Train more networks in the same run", ("resume", path, "--trials", 2 * trials, *external)))
    for title, words in suggestions:
        console.print(f"\n{title}:\n  {shell_line(program(), *words)}", soft_wrap=True)
