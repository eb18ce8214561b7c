"""The front against a comparison of all pairs; the hypervolume against the union of rectangles, cell by cell."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.analysis.front_record import Front, count_outcomes, summarise
from sasa_nas.analysis.pareto import expected_front, hypervolume, pareto_front, pick, reference_point
from sasa_nas.api.run import Run
from sasa_nas.documents import DescriptionError
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, TrialRecord, read_info

# few distinct values, so that ties and duplicates are common
points = st.lists(
    st.tuples(st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.9]), st.sampled_from([900, 1000, 5000, 70_000, 10**6])),
    max_size=12,
)


def _record(number: int, accuracy: float | None, flops: int | None, outcome: Outcome = Outcome.TRAINED) -> TrialRecord:
    return TrialRecord(number=number, outcome=outcome, accuracy=accuracy, flops=flops)


def _records(places: list[tuple[float, int]]) -> list[TrialRecord]:
    return [_record(i, accuracy, flops) for i, (accuracy, flops) in enumerate(places)]


@settings(deadline=None, max_examples=200)
@given(points)
def test_front_is_what_no_other_dominates(places: list[tuple[float, int]]) -> None:
    kept = []
    for i, (a, f) in enumerate(places):
        dominated = any((b >= a and g <= f) and (b > a or g < f) for b, g in places)
        copied = (a, f) in places[:i]
        if not dominated and not copied:
            kept.append((f, a, i))
    assert [(r.flops, r.accuracy, r.number) for r in pareto_front(_records(places))] == sorted(kept)


def test_only_trained_networks_are_on_the_front() -> None:
    records = [
        _record(0, 0.99, 10, Outcome.RUNNING),
        _record(1, 0.99, 10, Outcome.DIVERGED),
        _record(2, None, 10),
        _record(4, 0.99, None),
        _record(5, 0.5, 100),
    ]
    assert [r.number for r in pareto_front(records)] == [5]


@settings(deadline=None, max_examples=200)
@given(points)
def test_hypervolume_is_the_area_of_the_union_of_rectangles(places: list[tuple[float, int]]) -> None:
    reference = {"accuracy": 0.1, "flops": 100_000.0}
    xs = sorted({math.log10(f) for _, f in places if f < reference["flops"]} | {5.0})
    ys = sorted({a for a, _ in places if a > reference["accuracy"]} | {reference["accuracy"]})
    area = 0.0
    for x0, x1 in pairwise(xs):
        for y0, y1 in pairwise(ys):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            if any(math.log10(f) < x and a > y for a, f in places):
                area += (x1 - x0) * (y1 - y0)
    assert hypervolume(_records(places), reference=reference) == pytest.approx(area, abs=1e-12)


def test_hypervolume_by_hand() -> None:
    # 0.2 over the decade from 1e3 to 1e4, 0.5 over that from 1e4 to 1e5
    records = _records([(0.2, 1000), (0.5, 10_000)])
    assert hypervolume(records, reference={"accuracy": 0.0, "flops": 1e5}) == pytest.approx(0.7)


@settings(deadline=None, max_examples=50)
@given(points, st.sampled_from([0.2, 0.95]), st.sampled_from([500, 2000]))
def test_one_more_network_never_lowers_the_hypervolume(
    places: list[tuple[float, int]], accuracy: float, flops: int
) -> None:
    reference = {"accuracy": 0.1, "flops": 1e6}
    before = hypervolume(_records(places), reference=reference)
    assert hypervolume(_records([*places, (accuracy, flops)]), reference=reference) >= before - 1e-12


@pytest.mark.parametrize(("flops", "expected"), [(1, 10.0), (999, 1e3), (1000, 1e4), (3_400_000, 1e7)])
def test_reference_is_the_power_of_ten_strictly_above(flops: int, expected: float) -> None:
    reference = reference_point(_records([(0.5, flops), (0.4, 1)]))
    assert reference == {"accuracy": 0.0, "flops": expected}


def test_reference_accuracy_is_chance(make_record) -> None:
    reference = reference_point([make_record(0, 0.5, 5000)])
    assert reference is not None
    assert reference["accuracy"] == pytest.approx(0.1)


def test_nothing_trained_dominates_nothing(make_record) -> None:
    assert hypervolume([make_record(0)]) == 0.0
    assert reference_point([make_record(0)]) is None


def test_pick_best_is_the_most_accurate() -> None:
    front = pareto_front(_records([(0.5, 1000), (0.9, 90_000), (0.8, 2000)]))
    assert pick(front, "best").number == 1


def test_pick_knee_lies_farthest_from_the_chord() -> None:
    places = [(0.50, 1000), (0.60, 1500), (0.80, 3000), (0.85, 20_000), (0.90, 100_000)]
    front = pareto_front(_records(places))
    ends = (3.0, 0.5), (5.0, 0.9)

    def distance(accuracy: float, flops: int) -> float:
        # twice the triangle's area over its base, in normalised axes: only the order matters
        x = (math.log10(flops) - ends[0][0]) / (ends[1][0] - ends[0][0])
        y = (accuracy - ends[0][1]) / (ends[1][1] - ends[0][1])
        return abs(y - x) / math.sqrt(2)

    assert pick(front, "knee").number == max(range(5), key=lambda i: distance(*places[i])) == 2


@pytest.mark.parametrize("places", [[(0.5, 1000)], [(0.5, 1000), (0.6, 2000)], [(0.1, 10), (0.2, 900), (0.9, 1000)]])
def test_pick_knee_of_a_front_without_a_knee_is_its_cheap_end(places: list[tuple[float, int]]) -> None:
    assert pick(pareto_front(_records(places)), "knee").number == 0


def test_pick_refuses() -> None:
    with pytest.raises(UserError, match="trained"):
        pick([], "best")
    with pytest.raises(ValueError, match="how"):
        pick(_records([(0.5, 10)]), "worst")  # type: ignore[arg-type]


def test_outcomes_are_counted(make_record) -> None:
    records = [make_record(0, 0.5, 10), make_record(1), make_record(2, outcome=Outcome.LOST), make_record(3)]
    assert count_outcomes(records) == {Outcome.RUNNING: 2, Outcome.TRAINED: 1, Outcome.LOST: 1}


def test_summary_holds_the_contract(make_run, make_record) -> None:
    records = [make_record(0, 0.7, 5000, pattern="LC"), make_record(1, 0.4, 9000), make_record(2)]
    front = summarise(read_info(RunFolder(make_run(records))), records)
    data = front.model_dump(mode="json")
    assert [point["trial"] for point in data["front"]] == [0]
    point = data["front"][0]
    assert (point["accuracy"], point["flops"], point["params"]) == (0.7, 5000, 1000)
    assert point["architecture_id"] == records[0].architecture_id
    assert (point["stem"], point["operators"]) == ("conv", ["local_attention", "conv"])
    assert data["reference"] == {"accuracy": 0.1, "flops": 10_000.0}
    assert data["hypervolume"] == pytest.approx(0.6 * math.log10(2))
    assert (data["space"], data["dataset"], data["outcomes"]) == ("tiny", "digits", {"running": 1, "trained": 2})
    assert Front.model_validate_json(front.model_dump_json()) == front


def test_summary_of_a_foreign_space_is_refused(make_run) -> None:
    info = read_info(RunFolder(make_run([]))).model_copy(update={"space": {"nope": 1}})
    with pytest.raises(DescriptionError, match=r"run\.json"):
        summarise(info, [])


@pytest.fixture
def lucky(make_record) -> list[TrialRecord]:
    """Sixteen networks that gain a point for each attending stage; one that gains little was lucky by three points."""
    patterns = [f"{number:04b}".replace("0", "C").replace("1", "L") for number in range(16)]
    made = []
    for number, pattern in enumerate(patterns * 2):
        luck = 0.03 if number == 1 else 0.002 * (number % 3 - 1)
        made.append(make_record(number, 0.8 + 0.01 * pattern.count("L") + luck, 1000 + number % 16, pattern=pattern))
        made[-1] = made[-1].model_copy(update={"architecture": make_record(0, pattern=pattern).architecture})
    # the lucky one was trained once, the others twice
    return [record for record in made if record.number != 17]


def test_a_front_by_expected_accuracy_does_not_end_with_the_lucky_one(lucky: list[TrialRecord]) -> None:
    seen, expected = pareto_front(lucky), expected_front(lucky)
    assert [r.number for r in seen] == [0, 1]
    assert pick(seen, "best").number == 1
    assert pick(expected, "best").number == 15
    accuracies = [r.accuracy or 0.0 for r in expected]
    assert accuracies == sorted(accuracies)
    promised = {r.number: r.accuracy or 0.0 for r in expected}
    assert promised.get(1, 0.0) < 0.838
    assert promised[15] == pytest.approx(0.84, abs=0.004)


def test_as_long_as_networks_are_few_a_front_is_of_what_was_seen(lucky: list[TrialRecord]) -> None:
    assert expected_front(lucky[:7]) == pareto_front(lucky[:7])


def test_a_run_picks_and_lists_by_expected_accuracy(lucky: list[TrialRecord], make_run) -> None:
    run = Run(make_run(lucky))
    assert run.pick("best").number == 15
    assert run.pick("best").accuracy == lucky[15].accuracy, "a record of what was seen"
    best = run.pareto().front[-1]
    assert (best.trial, best.accuracy) == (15, pytest.approx(0.839))
