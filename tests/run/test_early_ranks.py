"""Rank correlation of early with final accuracies, against scipy's tau and on planted trainings."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run.early_ranks import FEWEST, describe_early_ranks, early_rank, early_ranks, tells


def trial(number: int, early: float, final: float, outcome: Outcome = Outcome.TRAINED) -> TrialRecord:
    accuracy = final if outcome is Outcome.TRAINED else None
    return TrialRecord(number=number, outcome=outcome, accuracy=accuracy, rungs={1: early, 3: final})


def test_it_is_kendalls_tau_of_whole_trainings() -> None:
    generator = np.random.default_rng(0)
    early, final = np.round(generator.random((2, 40)), 1)
    records = [trial(i, *map(float, pair)) for i, pair in enumerate(zip(early, final, strict=True))]
    # what was stopped has no final accuracy
    records += [trial(100 + i, 0.0, 1.0, Outcome.STOPPED) for i in range(20)]
    rank = early_rank(records, 1)
    assert rank is not None
    assert rank.trainings == 40
    assert rank.tau == pytest.approx(kendalltau(early, final).statistic)
    assert [found.tau for found in early_ranks(records)] == pytest.approx([rank.tau, 1.0])


def test_intervals_hold_the_tau_of_all() -> None:
    generator, correlation = np.random.default_rng(1), 0.6
    true = 2.0 / np.pi * np.arcsin(correlation)
    held = []
    for _ in range(300):
        early, own = generator.standard_normal((2, 25))
        final = correlation * early + np.sqrt(1.0 - correlation**2) * own
        rank = early_rank([trial(i, *map(float, pair)) for i, pair in enumerate(_shares(early, final))], 1)
        assert rank is not None
        held.append(rank.low < true < rank.high)
    assert 0.92 < np.mean(held) < 0.98


def _shares(*values: np.ndarray) -> list[tuple[float, ...]]:
    """Rows of values, brought into 0 to 1 in their order."""
    return list(zip(*(1.0 / (1.0 + np.exp(-each)) for each in values), strict=True))


def test_few_trainings_are_not_judged() -> None:
    records = [trial(i, 0.1 * i, 0.1 * i) for i in range(FEWEST - 1)]
    assert early_rank(records, 1) is None
    assert describe_early_ranks(records) is None
    assert early_rank([*records, trial(9, 0.9, 0.9)], 1) is not None
    assert early_rank([*records, trial(9, 0.9, 0.9)], 2) is None


def test_a_level_that_tells_nothing_is_named() -> None:
    records = [trial(i, (i % 2) / 10, i / 10) for i in range(FEWEST)]
    assert [tells(records, epoch) for epoch in (1, 3)] == [False, True]
    assert tells(records[1:], 1), "too few to say"
    told = describe_early_ranks(records)
    assert told is not None
    assert told.startswith("Early accuracies rank the final ones of 8 whole trainings by Kendall's tau 0.")
    assert "after 1 epoch, where none is stopped any more; 1.00" in told
    assert told.endswith("after 3 epochs.")


def test_accuracies_that_all_tie_rank_nothing() -> None:
    records = [trial(i, 0.1, i / 10) for i in range(FEWEST)]
    rank = early_rank(records, 1)
    assert rank is not None
    assert rank.tau == 0.0
    assert not tells(records, 1)
