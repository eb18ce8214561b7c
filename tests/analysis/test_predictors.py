"""Predictors of accuracy against SciPy's tau."""

from collections.abc import Callable

import pytest
from scipy.stats import kendalltau

from sasa_nas.analysis.predictors import correlate_predictors
from sasa_nas.run import Outcome, TrialRecord


def test_costs_are_correlated_over_trained_networks(make_record: Callable[..., TrialRecord]) -> None:
    accuracies, flops, params = [0.5, 0.6, 0.7, 0.9, 0.8], [100, 300, 200, 400, 500], [9, 7, 8, 6, 1]
    patterns = ["CC", "CL", "LL", "CC", "LL"]
    records = [
        make_record(i, a, f, params=p, pattern=word)
        for i, (a, f, p, word) in enumerate(zip(accuracies, flops, params, patterns, strict=True))
    ]
    records.append(make_record(5, outcome=Outcome.STOPPED, flops=1, params=10**9))
    found = {predictor.name: predictor.correlation for predictor in correlate_predictors(records)}
    # all took equally long
    assert set(found) == {"FLOPs", "parameters", "stages with attention"}
    for name, values in (("FLOPs", flops), ("parameters", params), ("stages with attention", [0, 1, 2, 0, 2])):
        assert found[name].tau == pytest.approx(kendalltau(values, accuracies).statistic)
        assert found[name].n == 5


def test_few_networks_say_nothing(make_record: Callable[..., TrialRecord]) -> None:
    assert correlate_predictors([make_record(i, 0.5 + i / 10, 100 + i) for i in range(4)]) == []


def test_scores_and_measured_costs_stand_in_their_groups_the_strongest_first(
    make_record: Callable[..., TrialRecord],
) -> None:
    values = [(1, 0.3, 5.0), (2, 0.1, 4.0), (3, 0.2, 3.0), (4, 0.5, 2.0), (5, 0.4, 1.0)]
    records = [
        make_record(i, 0.1 * i, 1000 * i).model_copy(
            update={"latency": latency, "memory": 7, "scores": {"zico": zico, "synflow": float(i)}}
        )
        for i, latency, zico in values
    ]
    found = [(p.group, p.name, round(p.correlation.tau, 9)) for p in correlate_predictors(records)]
    assert found == [
        ("cost", "FLOPs", 1.0),
        ("cost", "latency", pytest.approx(kendalltau([v[1] for v in values], range(5)).statistic)),
        ("training-free score", "synflow", 1.0),
        ("training-free score", "zico", -1.0),
    ]
    # what a network lacks costs no other predictor a network; four with a score are too few
    (bare, *rest) = records
    more = [bare.model_copy(update={"scores": {}}), *rest, make_record(9, 0.9, 9000)]
    assert {p.name: p.correlation.n for p in correlate_predictors(more)} == {"FLOPs": 6, "latency": 5}
