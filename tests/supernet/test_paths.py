"""Fairness of the paths that are trained, and the choice of those that are judged."""

import random
from collections import Counter

from toy_supernets import CONV, LOCAL, POINT, toy_proxies

from sasa_nas.space import Architecture
from sasa_nas.supernet.cover import Proxies, cover
from sasa_nas.supernet.paths import MOST_TOGETHER, FairPaths, judged_designs

KERNELS = {"kind": "local_attention", "kernel_size": {"choice": [3, 5, 7]}, "num_heads": {"choice": [2, 4]}}


def paths_of(proxies: Proxies, seed: int = 0) -> FairPaths:
    return FairPaths(proxies, cover(proxies).operators, random.Random(seed))


def operators(designs: list[Architecture], stage: int) -> Counter[str]:
    return Counter(repr(design.stages[stage].operator) for design in designs)


def test_an_update_uses_each_operator_of_each_stage_once() -> None:
    paths = paths_of(toy_proxies(*[[CONV, POINT, LOCAL]] * 3))
    pairings = set()
    for _ in range(20):
        designs = paths.together()
        assert len(designs) == len(paths) == 3
        for stage in range(3):
            assert set(operators(designs, stage).values()) == {1}
            assert len(operators(designs, stage)) == 3
        pairings |= {(repr(one.stages[0].operator), repr(one.stages[1].operator)) for one in designs}
    # stages are shuffled apart from each other
    assert len(pairings) == 9


def test_stages_with_fewer_operators_and_operators_with_options_have_their_turns() -> None:
    paths = paths_of(toy_proxies([CONV, KERNELS], [POINT, CONV, LOCAL], stage={"blocks": {"choice": [1, 2]}}))
    assert len(paths) == 1 + 3 * 2
    designs = [design for _ in range(6) for design in paths.together()]
    assert set(operators(designs, 0).values()) == {6}
    assert set(operators(designs, 1).values()) == {14}
    assert Counter(design.stages[0].blocks for design in designs) == {1: 21, 2: 21}


def test_more_operators_than_paths_take_several_updates() -> None:
    wide = {"kind": "local_attention", "kernel_size": {"range": [3, 35, 2]}, "num_heads": 2}
    paths = paths_of(toy_proxies([CONV, wide], [CONV, LOCAL]))
    assert len(paths) == MOST_TOGETHER
    designs = [design for _ in range(18) for design in paths.together()]
    assert set(operators(designs, 0).values()) == {8}


def test_the_seed_decides() -> None:
    dealers = [paths_of(toy_proxies(), seed) for seed in (0, 0, 1)]
    one, same, other = ([design.id for _ in range(9) for design in dealer.together()] for dealer in dealers)
    assert one == same != other


def test_a_small_space_is_judged_whole_and_of_a_large_one_a_balanced_part() -> None:
    proxies = toy_proxies([CONV, KERNELS], [POINT, CONV, LOCAL], stage={"blocks": {"choice": [1, 2]}})
    whole = judged_designs(proxies, 84)
    assert len({design.id for design in whole}) == len(whole) == 84
    part = judged_designs(proxies, 12)
    assert {design.id for design in part} < {design.id for design in whole}
    assert [design.id for design in part] == [design.id for design in judged_designs(proxies, 12)]
    assert len(part) == 12
    assert max(Counter(design.stages[0].operator.kind for design in part).values()) <= 8
