"""Designs that no training led to: which come first, that they are new, and the same for the same seed."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sasa_nas.cost import count_network
from sasa_nas.operators.conv import Conv
from sasa_nas.run import SearchSettings
from sasa_nas.searching.plan import SearchPlan, draw, plan_search
from sasa_nas.searching.propose import initial_designs
from sasa_nas.searching.propose.baseline import baseline
from sasa_nas.searching.propose.score_filter import ScoreFilter
from sasa_nas.space import Architecture, load_space
from sasa_nas.space.choosers import Label, RandomChooser, RecallChooser

MakePlan = Callable[..., SearchPlan]


def design(plan: SearchPlan, choices: Mapping[str, Label]) -> Architecture:
    return draw(plan, RecallChooser(choices)).architecture


def test_the_first_designs_are_balanced(make_plan: MakePlan) -> None:
    plan = make_plan()
    reference, *first = [design(plan, choices) for choices in initial_designs.startup(plan, None, set(), 3)]
    assert reference.all_convolution
    # a pair of walks deals both options of every stage
    for stage in range(3):
        assert Counter(network.stages[stage].operator.kind for network in first) == {"conv": 1, "local_attention": 1}


def test_the_named_networks_of_a_space_come_first() -> None:
    plan = plan_search(load_space("sasa_where"), SearchSettings())
    seen: set[str] = set()
    choices = list(initial_designs.startup(plan, None, seen, 3))
    kinds = [[stage.operator.kind for stage in design(plan, answers).stages] for answers in choices[:2]]
    assert kinds == [["conv"] * 4, ["local_attention"] * 4]
    assert {design(plan, answers).id for answers in choices} == seen
    assert len(seen) == 3


def test_what_was_seen_does_not_come_again_and_counts(make_plan: MakePlan) -> None:
    plan = make_plan()
    seen: set[str] = set()
    first = [design(plan, choices).id for choices in initial_designs.startup(plan, None, seen, 3)]
    assert seen == set(first)
    rest = [design(plan, choices).id for choices in initial_designs.startup(plan, None, seen, 8)]
    assert len({*first, *rest}) == len(first) + len(rest) == 8, "all that the space holds"
    assert list(initial_designs.startup(plan, None, seen, 8)) == []


def test_a_screen_lets_the_best_of_those_in_balance_through(make_plan: MakePlan) -> None:
    plan = make_plan(score_filter="naswot", score_keep=0.25)
    score_filter = ScoreFilter(plan, lambda found: float(found.counts.params))
    seen: set[str] = set()
    reference, *kept = [design(plan, choices) for choices in initial_designs.startup(plan, score_filter, seen, 3)]
    assert reference.all_convolution, "no score can keep it out"
    sizes = sorted({draw(plan, RandomChooser(random.Random(i))).counts.params for i in range(60)})
    assert len(seen) == 8
    assert len(kept) == 2
    assert max(sizes[-1], count_network(reference).total.params) == max(
        count_network(network).total.params for network in (reference, *kept)
    )


def test_random_designs_are_new_and_the_seed_s(make_plan: MakePlan) -> None:
    plan = make_plan()
    first = initial_designs.random_new(plan, set(), 5)
    assert first is not None
    assert first == initial_designs.random_new(plan, set(), 5)
    every = {draw(plan, RandomChooser(random.Random(i))).architecture.id for i in range(100)}
    assert len(every) == 8
    last = every - {design(plan, first).id}
    assert initial_designs.random_new(plan, last, 5) is not None
    assert initial_designs.random_new(plan, every, 5) is None


def test_the_filter_takes_new_designs_alone(make_plan: MakePlan) -> None:
    def wide(data: dict[str, Any]) -> None:
        for stage in data["stages"]:
            stage["width"] = {"range": [8, 64, 8]}

    plan = make_plan(wide, score_filter="naswot", score_keep=0.5, sampler="random")
    score_filter = ScoreFilter(plan, lambda found: float(found.counts.params))
    first = [design(plan, choices).id for choices in initial_designs.screened(plan, score_filter, set(), 0)]
    assert len(first) == initial_designs.REFILL
    again = [design(plan, choices).id for choices in initial_designs.screened(plan, score_filter, first, 0)]
    assert not {*first} & {*again}


def test_the_baseline_takes_first_options_and_leaves_channel_attention_out(make_plan: MakePlan) -> None:
    def edit(data: dict[str, Any]) -> None:
        for stage in data["stages"]:
            stage["width"] = {"range": [16, 64, 16]}
            stage["channel_attention"] = {"choice": [{"kind": "se"}, None]}
        options = data["stages"][0]["operator"]["choice"]  # all stages have these
        options[:] = [*reversed(options), {"kind": "conv", "kernel_size": 5}]

    found = baseline(make_plan(edit))
    assert found is not None
    for stage in found.design.full_size.stages:
        assert (stage.width, stage.channel_attention, stage.operator) == (16, None, Conv())


def test_a_space_that_always_attends_has_no_baseline(make_plan: MakePlan) -> None:
    def attend(data: dict[str, Any]) -> None:
        data["stages"][1]["operator"] = {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}

    assert baseline(make_plan(attend)) is None

    def limit(data: dict[str, Any]) -> None:
        data["limits"] = {"max_flops": 0.9 * reference.design.counts.flops()}

    reference = baseline(make_plan())
    assert reference is not None
    assert baseline(make_plan(limit)) is None
