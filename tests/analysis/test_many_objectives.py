"""Fronts of any objectives against plain definitions, and their volumes against boxes counted cell by cell."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.analysis.front_record import summarise
from sasa_nas.analysis.pareto import hypervolume, pareto_front, reference_point
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, TrialRecord, read_info, read_trials

NETWORKS = st.lists(
    st.tuples(
        st.sampled_from([0.2, 0.3, 0.5, 0.9]),
        st.sampled_from([900, 1000, 5000, 70_000]),
        st.sampled_from([1e-4, 2e-4, 5e-3]),
    ),
    max_size=10,
)
THREE = ("accuracy", "flops", "latency")


def records(networks: list[tuple[float, int, float]]) -> list[TrialRecord]:
    return [
        TrialRecord(number=i, outcome=Outcome.TRAINED, accuracy=a, flops=f, params=10, latency=t)
        for i, (a, f, t) in enumerate(networks)
    ]


@settings(deadline=None, max_examples=100)
@given(NETWORKS)
def test_front_is_what_no_other_dominates(networks: list[tuple[float, int, float]]) -> None:
    losses = [(-a, f, t) for a, f, t in networks]
    kept = [
        i
        for i, one in enumerate(losses)
        if not any(other != one and all(x <= y for x, y in zip(other, one, strict=True)) for other in losses)
        and one not in losses[:i]
    ]
    expected = sorted(kept, key=lambda i: (networks[i][2], -networks[i][0], networks[i][1]))
    assert [record.number for record in pareto_front(records(networks), THREE)] == expected


@settings(deadline=None, max_examples=60)
@given(NETWORKS)
def test_volume_is_that_of_the_union_of_boxes(networks: list[tuple[float, int, float]]) -> None:
    reference = {"accuracy": 0.25, "flops": 1e4, "latency": 1e-2}
    corner = (-0.25, 4.0, -2.0)
    points = [(-a, math.log10(f), math.log10(t)) for a, f, t in networks]
    edges = [sorted({min(p[axis], corner[axis]) for p in points} | {corner[axis]}) for axis in range(3)]
    volume = 0.0
    for cell in itertools.product(*(itertools.pairwise(axis) for axis in edges)):
        if any(all(p[axis] <= low for axis, (low, _) in enumerate(cell)) for p in points):
            volume += math.prod(high - low for low, high in cell)
    assert hypervolume(records(networks), THREE, reference) == pytest.approx(volume, abs=1e-12)


def test_references(make_record) -> None:
    record = make_record(0, 0.5, 1000).model_copy(update={"latency": 0.001, "memory": 999, "robust_accuracy": 0.0})
    objectives = ("accuracy", "robust_accuracy", "flops", "memory", "latency")
    assert reference_point([record], objectives) == {
        "accuracy": pytest.approx(0.1),
        "robust_accuracy": 0.0,
        "flops": 1e4,
        "memory": 1e3,
        "latency": pytest.approx(1e-2),
    }
    assert hypervolume([record], objectives) == 0.0  # no better than nothing under attack
    assert reference_point([], objectives) is None
    assert pareto_front([], objectives) == []


def test_what_was_never_measured_is_named(make_record) -> None:
    with pytest.raises(UserError, match="no latency of its networks; search with --objectives accuracy,latency"):
        pareto_front([make_record(0, 0.5, 1000)], ("accuracy", "latency"))


def test_a_network_without_a_measurement_is_left_out(make_record) -> None:
    slow = make_record(0, 0.5, 1000).model_copy(update={"latency": 1.0})
    assert pareto_front([slow, make_record(1, 0.9, 10)], ("accuracy", "latency")) == [slow]


def test_summary(make_run, make_record) -> None:
    record = make_record(0, 0.5, 1000).model_copy(update={"latency": 0.002, "scores": {"zico": 3.0}})
    folder = RunFolder(make_run([record, make_record(1)]))
    found = summarise(read_info(folder), read_trials(folder), ("accuracy", "latency"))
    (point,) = found.front
    assert (point.trial, point.latency, point.scores) == (0, 0.002, {"zico": 3.0})
    assert found.hypervolume == pytest.approx(0.4 * math.log10(5))
    assert found.outcomes == {Outcome.RUNNING: 1, Outcome.TRAINED: 1}
