"""Limits that forbid an operator in most designs: what its effect is averaged over, and what was never seen."""

from collections.abc import Callable, Sequence

import formula_runs
import numpy as np
import pytest
from assertions import every
from at_once import LEAST, REPETITIONS, effects, of_trainings
from formula_runs import designs_of, plan_of
from planted_studies import Kinds, kinds_of, normal, operators, study, trainings

from sasa_nas.analysis.where import words
from sasa_nas.analysis.where.population import DRAWN, Population, contexts_of, population_of
from sasa_nas.space import load_space
from sasa_nas.space.proxy import Limits

LOCAL, AUGMENTED = "local_attention", "augmented_conv"
NAME = "hybrid256 within limits"


def population(name: str) -> Population:
    image = designs_of(name, 1)[0].architecture
    found = population_of(plan_of(name).space, image.image, image.num_classes)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def limited(monkeypatch: pytest.MonkeyPatch) -> Population:
    """Half of the networks of hybrid256, those with fewest FLOPs."""
    most = int(np.median(population("hybrid256").flops))
    space = load_space("hybrid256").model_copy(update={"limits": Limits(max_flops=most)})
    monkeypatch.setitem(formula_runs.MADE, NAME, lambda: space)
    return population(NAME)


def kinds(designs: Population) -> list[Kinds]:
    return [tuple(str(one[f"stages[{stage}].operator"]) for stage in range(4)) for one in designs.networks]


def by_hand(networks: Sequence[Kinds], stage: int, level: str) -> list[Kinds]:
    """The networks with convolution in a stage that are within the limits with the operator there, too."""
    swapped = {one: (*one[:stage], level, *one[stage + 1 :]) for one in networks if one[stage] == "conv"}
    return [one for one, other in swapped.items() if other in set(networks)]


def test_contexts_are_those_in_which_limits_allow_both(limited: Population) -> None:
    networks = kinds(limited)
    assert len(networks) == 128
    levels = [(f"stages[{stage}].operator", level, "conv") for stage in range(4) for level in (LOCAL, AUGMENTED)]
    contexts = contexts_of(limited, levels)
    for name, level, _ in levels:
        assert contexts[name, level] == len(by_hand(networks, int(name[7]), str(level))) / 64
    assert contexts["stages[0].operator", AUGMENTED] == 0.0
    assert set(contexts_of(population("hybrid256"), levels).values()) == {1.0}
    assert contexts_of(None, levels) == {}


def test_the_answer_says_over_which_designs_it_averages(limited: Population) -> None:
    (answer,) = study(NAME, trainings(NAME, 24), lambda _: 0.7, normal(0.01), 1)
    assert answer.allowed == 128
    assert answer.not_told == ["stages[0].operator=augmented_conv"]
    remarks = words.remarks(answer)
    assert any(text.startswith("Effects are averages over the 128 designs within the limits") for text in remarks)
    assert "Too few designs have augmented conv in stage 1 for an effect." in remarks
    assert every(e.contexts is not None and 0 < e.contexts <= 1 for e in operators(answer))


def interacting(kinds: Kinds) -> float:
    first, second, third, fourth = kinds
    return (
        0.7
        + 0.05 * (first == AUGMENTED)
        + 0.06 * (first == AUGMENTED) * (third == LOCAL)
        - 0.08 * (second == AUGMENTED) * (fourth != "conv")
    )


def averages(networks: Sequence[Kinds], mean: Callable[[Kinds], float]) -> dict[tuple[str, str], float]:
    """Each operator's mean difference from convolution over the combinations that allow both."""
    found = {}
    for stage in range(4):
        for level in (LOCAL, AUGMENTED, "pairwise"):
            pairs = [(one, (*one[:stage], level, *one[stage + 1 :])) for one in by_hand(networks, stage, level)]
            if pairs:
                found[f"stages[{stage}].operator", level] = float(np.mean([mean(b) - mean(a) for a, b in pairs]))
    return found


def test_intervals_hold_the_average_over_designs_within_the_limits(limited: Population) -> None:
    records = trainings(NAME, 40)
    means = np.array([interacting(kinds_of(record)) for record in records])
    noise = 0.01 * np.random.default_rng(3).normal(size=(len(records), REPETITIONS))
    runs = of_trainings(records, means[:, None] + noise)
    raw = effects(runs)
    names = [(contrast.factor.name, str(contrast.level)) for contrast in runs.model(0).contrasts]
    truth, beyond = averages(kinds(limited), interacting), averages(kinds(population("hybrid256")), interacting)
    assert min(one.hold(truth[name]) for name, one in zip(names, raw, strict=True)) / REPETITIONS >= LEAST
    # what attention is worth beside an operator that is forbidden there is not told
    assert min(one.hold(beyond[name]) for name, one in zip(names, raw, strict=True)) / REPETITIONS < 0.6


def test_a_space_whose_designs_cannot_be_known_has_no_population() -> None:
    network, space = designs_of("hybrid256", 1)[0].architecture, plan_of("hybrid256").space
    for limits in (Limits(max_latency=0.1), Limits(max_params=1), Limits(max_flops=1.0)):
        limited = space.model_copy(update={"limits": limits})
        assert population_of(limited, network.image, network.num_classes) is None
    roomy = space.model_copy(update={"limits": Limits(max_memory=1e12, max_params=10**9)})
    found = population_of(roomy, network.image, network.num_classes)
    assert found is not None
    assert (len(found.networks), found.beyond, found.complete) == (256, [], True)


@pytest.mark.slow
def test_a_large_space_is_sampled_the_same_way_each_time() -> None:
    found = population("resnet_hybrid")
    assert (len(found.networks), found.complete) == (DRAWN, False)
    assert len({network.id for network in found.architectures}) == DRAWN
    again = population_of.__wrapped__(plan_of("resnet_hybrid").space, found.architectures[0].image, 10)
    assert again is not None
    assert [network.id for network in again.architectures] == [network.id for network in found.architectures]
    assert contexts_of(found, [("stages[0].operator", LOCAL, "conv")]) == {}
