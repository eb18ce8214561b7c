"""Expected accuracies and chances of a run's networks."""

import numpy as np
import pytest
from assertions import every

from sasa_nas.analysis.pareto import undominated
from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run.designs import Designs
from sasa_nas.surrogate.posterior import DRAWS, LEAST, Posterior, posterior_of

NOISE, GAIN = 0.01, 0.005
PATTERNS = [f"{number:05b}".replace("0", "C").replace("1", "L") for number in range(32)]


@pytest.fixture
def planted(make_record):
    """Records of 32 networks in which window attention gains half a point a stage, trained with chance."""

    def make(seed: int, trainings: int = 1) -> tuple[list[TrialRecord], dict[str, float]]:
        generator, records, true = np.random.default_rng(seed), [], {}
        for number, pattern in enumerate(PATTERNS * trainings):
            value = 0.8 + GAIN * pattern.count("L")
            seen = value + NOISE * generator.standard_normal()
            flops = 10**6 * (1 + pattern.count("L"))
            records.append(make_record(number, seen, flops, pattern=pattern, design=0))
            true[str(records[-1].architecture_id)] = value
        return records, true

    return make


def gap(networks: list[TrialRecord], true: dict[str, float]) -> float:
    """Mean difference between the accuracies of a front's networks and their true values."""
    return float(np.mean([(network.accuracy or 0.0) - true[str(network.architecture_id)] for network in networks]))


def found(records: list[TrialRecord]) -> Posterior:
    posterior = posterior_of(Designs(records))
    assert posterior is not None
    return posterior


def test_a_front_of_expected_accuracies_promises_what_it_keeps(planted) -> None:
    gaps = []
    for seed in range(10):
        records, true = planted(seed, trainings=2)
        posterior = found(records)
        gaps.append((gap(undominated(posterior.networks), true), gap(undominated(posterior.expected), true)))
    seen, expected = np.mean(gaps, axis=0)
    assert seen > 0.5 * NOISE
    # it keeps within a third of what luck adds
    assert abs(expected) < seen / 3


def test_trainings_of_one_network_are_one_record(planted) -> None:
    records, _ = planted(0, trainings=2)
    posterior = found(records)
    assert [record.number for record in posterior.networks] == list(range(32))
    assert posterior.networks[5].accuracy == pytest.approx((records[5].accuracy + records[37].accuracy) / 2)
    assert posterior.model.noise == pytest.approx(NOISE, rel=0.3)


def test_chances_are_shares_of_draws(planted) -> None:
    records, _ = planted(1)
    posterior = found(records)
    draws = posterior.model.draws(DRAWS)
    costs = [record.flops or 0 for record in posterior.networks]
    counted = np.zeros(32)
    for draw in draws:
        for place, value in enumerate(draw):
            counted[place] += all(value >= draw[j] for j, cost in enumerate(costs) if cost <= costs[place])
    assert posterior.front_chances() == pytest.approx(counted / DRAWS)
    # with a second cost that orders networks in the same way, each has the same chance
    assert posterior.front_chances(("accuracy", "flops", "params")) == pytest.approx(counted / DRAWS)
    best = posterior.front_chances(("accuracy",))
    assert best.sum() == pytest.approx(1.0)
    assert (best <= counted / DRAWS).all()


def test_the_cheapest_network_is_on_the_front(planted) -> None:
    records, _ = planted(2)
    chances = found(records).front_chances()
    assert chances[0] == 1.0
    assert (chances[1:] < 1.0).all()
    assert found(records).front_chances() == pytest.approx(chances)


def test_few_networks_are_no_sample(make_record) -> None:
    records = [make_record(number, 0.5, 1000) for number in range(LEAST - 1)]
    assert posterior_of(Designs(records)) is None
    failed = make_record(LEAST, outcome=Outcome.DIVERGED)
    assert posterior_of(Designs([*records, failed])) is None
    assert posterior_of(Designs([*records, make_record(LEAST + 1, 0.5, 1000)])) is not None
    assert posterior_of(Designs()) is None


def test_expected_accuracies_are_shares(make_record) -> None:
    records = [make_record(number, 1.0 - number % 2 * 1e-4, 1000 + number) for number in range(20)]
    assert every(0.0 <= (record.accuracy or 0.0) <= 1.0 for record in found(records).expected)
