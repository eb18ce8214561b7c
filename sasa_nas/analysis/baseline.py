"""The all-convolution baseline of a run."""

from collections.abc import Iterable, Mapping, Sequence

from sasa_nas.analysis.labels import compact_count
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import designs
from sasa_nas.surrogate.posterior import Expectation


def baseline_of(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the first all-convolution network of a run, with the mean accuracy of all its trainings.

    A search trains it before any other where its space holds one, unless its sampler is chance.

    Args:
        records: All trials.

    Returns:
        The network's record; None if no such network was trained to the end.
    """
    return baseline_among(designs(records))


def baseline_among(networks: Iterable[TrialRecord]) -> TrialRecord | None:
    """Return the `baseline_of` trained networks, no two of one design."""
    found = [network for network in networks if network.architecture and network.architecture.all_convolution]
    return min(found, key=lambda network: network.number, default=None)


def describe_baseline(baseline: TrialRecord, front: Sequence[TrialRecord], expected: Mapping[int, Expectation]) -> str:
    """Return a sentence that compares the baseline with the front.

    Args:
        baseline: The result of `baseline_of`.
        front: The networks that no other dominates.
        expected: Expectations of the run's networks, by number, which are told of a baseline that is not on the front.
    """
    place = ""
    if baseline.number not in {record.number for record in front}:
        place = ", not on the front"
        if found := expected.get(baseline.number):
            place += f"; {found.percent} expected"
    cost = f"{100 * (baseline.accuracy or 0.0):.2f}% at {compact_count(baseline.flops or 0)} FLOPs"
    return f"The baseline, all convolution, is trial {baseline.number}: {cost}{place}."
