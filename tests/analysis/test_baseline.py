"""Which network of a run is the baseline, and what is said of it."""

from sasa_nas.analysis.baseline import baseline_of, describe_baseline
from sasa_nas.analysis.pareto import pareto_front
from sasa_nas.run import Outcome
from sasa_nas.surrogate.posterior import Expectation


def test_the_first_all_convolution_network_that_is_trained(make_record) -> None:
    records = [
        make_record(0, outcome=Outcome.BROKEN, pattern="CC"),
        make_record(1, 0.9, 4000, pattern="LC"),
        make_record(2, 0.5, 2000, pattern="CC", design=7),
        make_record(3, 0.8, 1000, pattern="CC"),
        make_record(4, 0.7, 2000, pattern="CC", design=7),
    ]
    baseline = baseline_of(records)
    assert baseline is not None
    assert (baseline.number, baseline.accuracy) == (2, 0.6), "the mean of its trainings"
    told = describe_baseline(baseline, pareto_front(records), {})
    assert told == "The baseline, all convolution, is trial 2: 60.00% at 2K FLOPs, not on the front."
    assert describe_baseline(records[3], pareto_front(records), {}).endswith("trial 3: 80.00% at 1K FLOPs.")


def test_what_is_expected_of_it_is_told_where_no_table_does(make_record) -> None:
    records = [make_record(0, 0.6, 2000, pattern="CC"), make_record(1, 0.7, 1000, pattern="LC")]
    expected = {number: Expectation(mean=0.5925, sd=0.01, front_chance=0.4) for number in (0, 1)}
    told = describe_baseline(records[0], records[1:], expected)
    assert told.endswith("trial 0: 60.00% at 2K FLOPs, not on the front; 59.25 ±1.96% expected.")
    assert describe_baseline(records[0], records[:1], expected).endswith("trial 0: 60.00% at 2K FLOPs.")


def test_none_where_everything_attends(make_record) -> None:
    assert baseline_of([make_record(0, 0.9, 4000, pattern="LC"), make_record(1, pattern="CC")]) is None
