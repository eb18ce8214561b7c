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
    found = correlate_predictors(records)
    # all took equally long
    assert set(found) == {"FLOPs", "parameters", "stages with attention"}
    for name, values in (("FLOPs", flops), ("parameters", params), ("stages with attention", [0, 1, 2, 0, 2])):
        assert found[name].tau == pytest.approx(kendalltau(values, accuracies).statistic)
        assert found[name].n == 5


def test_few_networks_say_nothing(make_record: Callable[..., TrialRecord]) -> None:
    assert correlate_predictors([make_record(i, 0.5 + i / 10, 100 + i) for i in range(4)]) == {}
