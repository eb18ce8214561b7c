"""The front of a run as plain data, printed by `sasa-nas pareto --json`."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from sasa_nas.analysis.baseline import baseline_among
from sasa_nas.analysis.pareto import as_expected, dominated_volume, reference_of, undominated
from sasa_nas.objectives import DEFAULT_OBJECTIVES
from sasa_nas.run import Outcome, Phases, RunInfo, TrialRecord
from sasa_nas.run.designs import Designs
from sasa_nas.run.phases import add_up
from sasa_nas.surrogate.posterior import Expectation, expectations


class FrontPoint(BaseModel):
    """One network of the front.

    Attributes:
        trial: Number of the trial; the first, if there are several trainings.
        architecture_id: The trained network's `Architecture.id`.
        accuracy: Accuracy on the validation split, 0 to 1; the mean over trainings.
        trainings: Number of trainings, which differ in their seeds.
        expected: Accuracy that new trainings would reach on average, 0 to 1, as all trainings of the run tell together;
            None if they are too few.
        expected_sd: Standard deviation of `expected`.
        front_chance: Probability that it is on the front of true accuracies.
        flops: FLOPs of one image, two per multiply-accumulate.
        params: Number of parameters.
        memory: Memory of a training step, in bytes.
        latency: Seconds for one image on the worker's device.
        latency_quartiles: Lower and upper quartile of the latency.
        robust_accuracy: Accuracy on the validation split under attack, 0 to 1.
        scores: Training-free scores of the untrained network, and that of the run's supernet.
        epochs: Number of epochs trained.
        seconds: Wall-clock time of the training.
        stem: Kind of the stem.
        operators: Kind of operator of each stage.
    """

    model_config = ConfigDict(frozen=True)

    trial: int
    architecture_id: str | None
    accuracy: float
    trainings: int
    expected: float | None
    expected_sd: float | None
    front_chance: float | None
    flops: int
    params: int | None
    memory: int | None
    latency: float | None
    latency_quartiles: tuple[float, float] | None
    robust_accuracy: float | None
    scores: dict[str, float]
    epochs: int
    seconds: float | None
    stem: str | None
    operators: list[str]


class Front(BaseModel):
    """The front of a run.

    Attributes:
        objectives: Names of the objectives that networks are compared by.
        front: The networks that no other dominates, by the last objective, the best first: compared by `expected`, or
            by `accuracy` if trainings are too few.
        baseline: The first all-convolution network, on the front or not; None if none is trained.
        hypervolume: Volume that the networks dominate by the accuracies that were seen, in accuracies (0 to 1) times
            decades of costs.
        reference: Point that the hypervolume is measured from, by objective; None if nothing is trained.
        space: Name of the search space.
        dataset: Name of the data set that the networks were trained on.
        outcomes: Number of trials of each outcome.
        phases: Seconds of all trials by phase.
    """

    model_config = ConfigDict(frozen=True)

    objectives: tuple[str, ...]
    front: list[FrontPoint]
    baseline: FrontPoint | None
    hypervolume: float
    reference: dict[str, float] | None
    space: str
    dataset: str
    outcomes: dict[Outcome, int]
    phases: Phases


def summarise(info: RunInfo, records: Sequence[TrialRecord], objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> Front:
    """Return the front of a run in any objectives.

    Args:
        info: Record of the run.
        records: All of its trials.
        objectives: Names of objectives, one at least.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    found = Designs(records)
    networks, trainings = found.means(), found.trainings()
    baseline, reference = baseline_among(networks), reference_of(networks, objectives)
    expected, seen = expectations(found, objectives), {network.number: network for network in networks}

    def point(record: TrialRecord) -> FrontPoint:
        return front_point(record, trainings[record.number], expected.get(record.number))

    return Front(
        objectives=tuple(objectives),
        front=[point(seen[n.number]) for n in undominated(as_expected(networks, expected), objectives)],
        baseline=baseline and point(baseline),
        hypervolume=0.0 if reference is None else dominated_volume(networks, reference),
        reference=reference,
        space=info.space_name,
        dataset=info.dataset,
        outcomes=count_outcomes(records),
        phases=add_up(record.phases for record in records),
    )


def count_outcomes(records: Sequence[TrialRecord]) -> dict[Outcome, int]:
    """Return the number of trials of each outcome that occurs, in the order of `Outcome`."""
    counts = Counter(record.outcome for record in records)
    return {outcome: counts[outcome] for outcome in Outcome if counts[outcome]}


def describe_outcomes(counts: Mapping[Outcome, int]) -> str:
    """Return a text of the outcomes of trials, as `12 trained, 3 out of memory`."""
    return ", ".join(f"{count:,} {outcome.words}" for outcome, count in counts.items())


def front_point(record: TrialRecord, trainings: int, expected: Expectation | None = None) -> FrontPoint:
    """Return the data of a design.

    Args:
        record: Record of the design, from `Designs.means`.
        trainings: Number of trainings of the design, from `Designs.trainings`.
        expected: Expectation of its accuracy; None if the run's trainings are too few.
    """
    architecture = record.architecture
    return FrontPoint(
        trial=record.number,
        architecture_id=record.architecture_id,
        accuracy=math.nan if record.accuracy is None else record.accuracy,
        trainings=trainings,
        expected=expected and expected.mean,
        expected_sd=expected and expected.sd,
        front_chance=expected and expected.front_chance,
        flops=record.flops or 0,
        params=record.params,
        memory=record.memory,
        latency=record.latency,
        latency_quartiles=record.latency_quartiles,
        robust_accuracy=record.robust_accuracy,
        scores=record.scores,
        epochs=record.epochs,
        seconds=record.seconds,
        stem=architecture.stem.kind if architecture else None,
        operators=[stage.operator.kind for stage in architecture.stages] if architecture else [],
    )
