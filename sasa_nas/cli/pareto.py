"""`sasa-nas pareto`: the networks of a run that no other dominates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.external import Address, DataDir, Dataset, Storage
from sasa_nas.errors import UserError
from sasa_nas.objectives import DEFAULT_OBJECTIVES, OBJECTIVES

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.run import TrialRecord
    from sasa_nas.surrogate.posterior import Expectation


def pareto(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or under way.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the front into this .png, .svg or .pdf file.", show_default=False)
    ] = None,
    objectives: Annotated[
        str,
        typer.Option(help=f"Compare networks by these, accuracy among them: {', '.join(OBJECTIVES)}."),
    ] = ",".join(DEFAULT_OBJECTIVES),
    settle: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="First train N times the networks whose place is least certain."),
    ] = 0,
    address: Address = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    dataset: Dataset = None,
) -> None:
    """Show the networks of a run that no other beats in both accuracy and FLOPs, or in all of other objectives.

    With --settle, what the run uses outside its folder is named again, as for resume.
    """
    import sasa_nas
    from sasa_nas.cli.external import resources
    from sasa_nas.cli.lists import parse_objectives
    from sasa_nas.cli.more_training import train_more
    from sasa_nas.cli.output import print_json, stdout_console

    wanted = parse_objectives(objectives)
    usual = set(wanted) == set(DEFAULT_OBJECTIVES)
    if plot is not None and not usual:
        raise UserError("--plot draws accuracy against FLOPs: leave --objectives out")
    source = sasa_nas.Run(run)
    if settle:
        train_more(source, resources(address, storage, data_dir, dataset), settle=settle)
    if plot is not None:
        source.plot_front(plot)
    if as_json:
        print_json(source.pareto(DEFAULT_OBJECTIVES if usual else wanted))
        return
    console = stdout_console()
    print_front(console, source.trials(), DEFAULT_OBJECTIVES if usual else wanted)
    if usual and set(source.info.settings.objectives) != set(DEFAULT_OBJECTIVES):
        own = ",".join(source.info.settings.objectives)
        console.print(f"This search had other objectives; `--objectives {own}` shows their front.", soft_wrap=True)
    if plot is not None:
        console.print(f"Figure: {plot}", soft_wrap=True)


def print_front(
    console: Console, records: Sequence[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> None:
    """Print the front of a run's trials as a table, the baseline, the hypervolume, and the trials by outcome."""
    from sasa_nas.analysis.baseline import baseline_among, describe_baseline
    from sasa_nas.analysis.front_record import count_outcomes, describe_outcomes
    from sasa_nas.analysis.pareto import as_expected, undominated
    from sasa_nas.cli.output import plain_table
    from sasa_nas.run.designs import Designs
    from sasa_nas.run.early_ranks import describe_early_ranks
    from sasa_nas.surrogate.posterior import expectations

    outcomes = describe_outcomes(count_outcomes(records))
    designs = Designs(records)
    networks = designs.means()
    expected, baseline = expectations(designs, objectives), baseline_among(networks)
    seen = {network.number: network for network in networks}
    front = [seen[network.number] for network in undominated(as_expected(networks, expected), objectives)]
    if not front:
        console.print(f"No network of this run's space is trained to the end yet. Trials: {outcomes or 'none'}.")
        return
    trainings = designs.trainings()
    columns = _columns({r.number: trainings[r.number] for r in front}, expected, baseline, objectives)
    table = plain_table(*columns, right=tuple(name for name in columns if name not in ("stem", "operators by stage")))
    for record in front:
        table.add_row(*(shown(record) for shown in columns.values()))
    console.print(table)
    if baseline is not None:
        mark = "* " if baseline.number in {record.number for record in front} else ""
        console.print(f"{mark}{describe_baseline(baseline, front, expected)}", soft_wrap=True)
    if expected:
        console.print(
            "The front is by expected accuracy, the mean of new trainings, with its 95 % interval; chance is that of "
            "being on it by true accuracy. The hypervolume is of the accuracies that were seen.",
            soft_wrap=True,
        )
    console.print(_volume(networks, objectives), soft_wrap=True)
    console.print(f"{len(front)} of {len(records)} trials on the front. Trials: {outcomes}.", soft_wrap=True)
    early = describe_early_ranks(records)
    if early is not None:
        console.print(early, soft_wrap=True)


def _columns(
    trainings: Mapping[int, int],
    expected: Mapping[int, Expectation],
    baseline: TrialRecord | None,
    objectives: Sequence[str],
) -> dict[str, Callable[[TrialRecord], str]]:
    """Return the text of a network in each column of the front's table, by the column's heading."""
    from sasa_nas.analysis.labels import compact_count, further_objectives, stage_labels

    def number(record: TrialRecord) -> str:
        return f"{record.number}*" if baseline and record.number == baseline.number else str(record.number)

    def expectation(record: TrialRecord) -> str:
        found = expected.get(record.number)
        return "-" if found is None else found.percent

    def chance(record: TrialRecord) -> str:
        return f"{expected[record.number].front_chance:.0%}" if record.number in expected else "-"

    def operators(record: TrialRecord) -> str:
        return " ".join(stage_labels(record.architecture)) if record.architecture else "-"

    columns: dict[str, Callable[[TrialRecord], str]] = {
        "trial": number,
        "accuracy": lambda record: f"{100 * (record.accuracy or 0.0):.2f}%",
    }
    if any(count > 1 for count in trainings.values()):
        columns["mean of"] = lambda record: str(trainings[record.number])
    if expected:
        columns |= {"expected": expectation, "chance": chance}
    columns |= {
        "FLOPs": lambda record: compact_count(record.flops or 0),
        "params": lambda record: "-" if record.params is None else compact_count(record.params),
    }
    for row in further_objectives(objectives):
        columns[row.heading] = partial(_objective, row.name)
    return columns | {
        "stem": lambda record: record.architecture.stem.kind if record.architecture else "-",
        "operators by stage": operators,
        "seconds": lambda record: "-" if record.seconds is None else f"{record.seconds:.1f}",
    }


def _objective(name: str, record: TrialRecord) -> str:
    from sasa_nas.analysis.labels import objective_label

    return objective_label(name, getattr(record, name))


def _volume(networks: Sequence[TrialRecord], objectives: Sequence[str]) -> str:
    """Return the text of the hypervolume of trained networks, no two of one design."""
    from sasa_nas.analysis.pareto import dominated_volume, reference_of

    reference = reference_of(networks, objectives) or {}
    value = dominated_volume(networks, reference)
    if set(objectives) == set(DEFAULT_OBJECTIVES):
        from sasa_nas.analysis.labels import compact_count

        corner = f"accuracy {reference['accuracy']:.3g} at {compact_count(reference['flops'])} FLOPs"
        return f"Hypervolume {value:.4f} (accuracy x decades of FLOPs, measured from {corner})"
    units = [name if OBJECTIVES[name].maximised else f"decades of {name}" for name in objectives]
    corner = ", ".join(f"{name} {_reference(name, value)}" for name, value in reference.items())
    return f"Hypervolume {value:.4f} ({' x '.join(units)}, measured from {corner})"


def _reference(name: str, value: float) -> str:
    from sasa_nas.analysis.labels import objective_label

    return f"{value:.3g}" if OBJECTIVES[name].chance else objective_label(name, value)
