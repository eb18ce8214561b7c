"""The Pareto set of a run, accuracy up and FLOPs down, how much it dominates, and which of it to take."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sasa_nas.analysis.baseline import baseline_of
from sasa_nas.analysis.designs import Designs, designs, trained
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, Phases, RunInfo, TrialRecord
from sasa_nas.run.phases import add_up
from sasa_nas.space import Architecture

Pick = Literal["best", "knee"]


class Reference(BaseModel):
    """The point that a hypervolume is measured from, no better than any network that counts."""

    model_config = ConfigDict(frozen=True)

    accuracy: float
    flops: float


class Hypervolume(BaseModel):
    """The area that a front dominates.

    Attributes:
        value: In accuracy (0 to 1) times decades of FLOPs.
        reference: What it is measured from; None where nothing is trained.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    reference: Reference | None


class FrontPoint(BaseModel):
    """One network of the front.

    Attributes:
        trial: Its number in the run; of the first training, where there are several.
        architecture_id: The trained network's `Architecture.id`.
        accuracy: On the validation split, 0 to 1; the mean of its trainings.
        trainings: How many there are of it, which differ in their seeds.
        flops: Of one image, two a multiply-accumulate.
        params: Parameters.
        memory: Bytes that a training step keeps.
        latency: Seconds for one image on the worker's device.
        latency_quartiles: Around the latency.
        robust_accuracy: On the validation split under attack, 0 to 1.
        scores: Of the untrained network.
        epochs: Epochs trained.
        seconds: Wall-clock time of the training.
        stem: Kind of the stem.
        operators: Kind of operator, stage by stage.
    """

    model_config = ConfigDict(frozen=True)

    trial: int
    architecture_id: str | None
    accuracy: float
    trainings: int
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
    """What `sasa-nas pareto --json` prints.

    Attributes:
        front: The networks that no other dominates, cheapest first.
        baseline: The first all-convolution network, on the front or not; None where none is trained.
        hypervolume: As `Hypervolume.value`.
        reference: As `Hypervolume.reference`.
        space: Name of the search space.
        dataset: Name of the data set that the networks were trained on.
        outcomes: How many trials there are of each outcome.
        phases: Where the time of all trials went, in seconds.
    """

    model_config = ConfigDict(frozen=True)

    front: list[FrontPoint]
    baseline: FrontPoint | None
    hypervolume: float
    reference: Reference | None
    space: str
    dataset: str
    outcomes: dict[Outcome, int]
    phases: Phases


def pareto_front(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trained designs that no other dominates, by FLOPs ascending, and so by accuracy ascending.

    Of a design that was trained several times, its first record stands for it, with the mean accuracy. One network
    dominates another that is no more accurate and no cheaper, and differs in one of the two. Of networks equal in both
    the first in `records` is kept.
    """
    return undominated(designs(records))


def undominated(networks: Iterable[TrialRecord]) -> list[TrialRecord]:
    """`pareto_front` of networks that are all trained, no two of one design."""
    front: list[TrialRecord] = []
    # sorting is stable: among equals the first in `networks` comes first
    for record in sorted(networks, key=lambda r: (_flops(r), -_accuracy(r))):
        if not front or _accuracy(record) > _accuracy(front[-1]):
            front.append(record)
    return front


def reference_point(records: Sequence[TrialRecord]) -> Reference | None:
    """Where a run's hypervolume is measured from: accuracy by chance, and the next power of ten above all FLOPs.

    A network no better than chance then counts nothing. The power of ten lies strictly above the most expensive
    network, which would count nothing if its own FLOPs were the reference, and hardly moves while a run goes on, or
    between runs of one space.

    Args:
        records: All trials of a run, not the front alone.

    Returns:
        None if nothing is trained.
    """
    networks = trained(records)
    if not networks:
        return None
    classes = [r.architecture.num_classes for r in networks if r.architecture]
    digits = len(str(max(_flops(r) for r in networks)))
    return Reference(accuracy=1.0 / max(classes) if classes else 0.0, flops=float(10**digits))


def hypervolume(records: Sequence[TrialRecord], reference: Reference | None = None) -> Hypervolume:
    """The area between the front of `records` and the reference, in accuracy times decades of FLOPs.

    With the front by ascending FLOPs f_i and accuracies a_i, and the reference (a, f) as its last cost f_(n+1), it is
    the sum over i of max(0, a_i - a) * log10(f_(i+1) / f_i) (Zitzler and Thiele 1999, for two objectives). FLOPs
    enter by their logarithm because networks of a space lie decades apart: halving the cost counts the same at any
    size.

    Args:
        records: All trials of a run, or those up to some time.
        reference: `reference_point(records)` where it is left out. Values compare only under one reference: to
            follow a run over time, pass the reference of the whole run.
    """
    reference = reference or reference_point(records)
    if reference is None:
        return Hypervolume(value=0.0, reference=None)
    return Hypervolume(value=front_area(pareto_front(records), reference), reference=reference)


def front_area(front: Sequence[TrialRecord], reference: Reference | None) -> float:
    """Return the hypervolume of a front, as `hypervolume` has it.

    Args:
        front: As `pareto_front` returns it.
        reference: `reference_point` of the run; without it, as where nothing is trained, the area is 0.
    """
    if reference is None:
        return 0.0
    costs = [min(float(_flops(r)), reference.flops) for r in front] + [reference.flops]
    heights = [max(0.0, _accuracy(r) - reference.accuracy) for r in front]
    widths = [math.log10(right / left) for left, right in pairwise(costs)]
    return math.fsum(h * w for h, w in zip(heights, widths, strict=True))


def pick(front: Sequence[TrialRecord], how: Pick) -> TrialRecord:
    """One network of a front.

    Args:
        front: From `pareto_front`.
        how: `best`: the most accurate. `knee`: the one farthest above the line between the front's ends, both axes
            (logarithm of FLOPs, accuracy) scaled to run from 0 to 1 between them; the cheaper one of equals. A front
            that bends the other way has its cheapest end as knee.

    Raises:
        UserError: If the front is empty.
        ValueError: If `how` is neither.
    """
    if not front:
        raise UserError("no network of this run is trained to the end yet; let its search go on (`sasa-nas resume`)")
    if how == "best":
        return front[-1]
    if how != "knee":
        raise ValueError(f"how: expected 'best' or 'knee', got {how!r}")
    if len(front) == 1:
        return front[0]
    first, last = front[0], front[-1]

    def height_above_chord(record: TrialRecord) -> float:
        x = math.log(_flops(record) / _flops(first)) / math.log(_flops(last) / _flops(first))
        y = (_accuracy(record) - _accuracy(first)) / (_accuracy(last) - _accuracy(first))
        return y - x

    return max(front, key=height_above_chord)


def summarise(info: RunInfo, records: Sequence[TrialRecord]) -> Front:
    """The front of a run as the data that `sasa-nas pareto --json` prints."""
    area = hypervolume(records)
    found = Designs(records)
    trainings = found.trainings()
    baseline = baseline_of(records)
    return Front(
        front=[front_point(record, trainings[record.number]) for record in undominated(found.means())],
        baseline=baseline and front_point(baseline, trainings[baseline.number]),
        hypervolume=area.value,
        reference=area.reference,
        space=info.space_name,
        dataset=info.dataset,
        outcomes=count_outcomes(records),
        phases=add_up(record.phases for record in records),
    )


def count_outcomes(records: Sequence[TrialRecord]) -> dict[Outcome, int]:
    """How many trials there are of each outcome that occurs, in the order of `Outcome`."""
    counts = Counter(record.outcome for record in records)
    return {outcome: counts[outcome] for outcome in Outcome if counts[outcome]}


def tell_outcomes(counts: Mapping[Outcome, int]) -> str:
    """What became of trials, as in `12 trained, 3 out of memory`."""
    return ", ".join(f"{count:,} {outcome.words}" for outcome, count in counts.items())


def front_point(record: TrialRecord, trainings: int) -> FrontPoint:
    """All that is told of a design that was trained so many times.

    Args:
        record: As `Designs.means` has it.
        trainings: As `Designs.trainings` has it.
    """
    architecture: Architecture | None = record.architecture
    return FrontPoint(
        trial=record.number,
        architecture_id=record.architecture_id,
        accuracy=_accuracy(record),
        trainings=trainings,
        flops=_flops(record),
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


def _accuracy(record: TrialRecord) -> float:
    return math.nan if record.accuracy is None else record.accuracy


def _flops(record: TrialRecord) -> int:
    return record.flops or 0
