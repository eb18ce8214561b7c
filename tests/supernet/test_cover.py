"""A few designs with every part of a space, and spaces that a supernet cannot hold."""

import random
from typing import Any

import pytest
from toy_supernets import CONV, LOCAL, POINT, toy_proxies

from sasa_nas.errors import UserError
from sasa_nas.space import Image, load_space
from sasa_nas.space.choosers import RandomChooser, RecallChooser
from sasa_nas.space.enumeration import every_answer, every_design
from sasa_nas.supernet.cover import Proxies, cover
from sasa_nas.supernet.network import Supernet

KERNELS = {"kind": "local_attention", "kernel_size": {"choice": [3, 5]}, "num_heads": {"choice": [2, 4]}}


def test_answers_of_the_parts_are_those_of_the_walk() -> None:
    space = toy_proxies([CONV, KERNELS], stage={"blocks": {"range": [1, 3, 1]}}).space
    walked = [answers for answers, _ in every_design(space)]
    assert len(walked) == 3 * 5
    assert list(every_answer(space.stages, "stages")) == walked


@pytest.mark.parametrize(
    "proxies",
    [
        toy_proxies([CONV, KERNELS], [POINT, CONV, LOCAL]),
        # the width of a stage decides the first 1x1 of the next
        toy_proxies([CONV, KERNELS], [CONV, LOCAL], stage={"width": {"choice": [8, 16]}, "blocks": {"choice": [1, 2]}}),
        Proxies(load_space("hybrid256"), Image(channels=1, height=8, width=8), 10),
    ],
    ids=["options", "widths", "hybrid256"],
)
def test_every_network_of_the_space_is_a_path(proxies: Proxies) -> None:
    found = cover(proxies)
    supernet = Supernet(found.designs)
    chooser = RandomChooser(random.Random(0))
    designs = [design for _ in range(60) if (design := proxies.draw(chooser)) is not None]
    assert len({design.id for design in designs}) > 7
    for design in designs:
        supernet.path(design)
    assert len(found.designs) < 60


def test_what_does_not_fit_is_left_out() -> None:
    wide = {"kind": "local_attention", "kernel_size": 3, "num_heads": {"choice": [2, 16]}}
    found = cover(toy_proxies([CONV, wide], [CONV, LOCAL], stage={"width": {"choice": [8, 32]}}))
    heads = {operator.get("stages[0].operator.local_attention.num_heads") for operator in found.operators[0]}
    assert heads == {None, 2, 16}
    stages = {(design.stages[0].width, design.stages[0].operator.options.get("num_heads")) for design in found.designs}
    assert stages == {(8, None), (8, 2), (32, None), (32, 2), (32, 16)}


def test_a_network_of_another_space_is_no_path() -> None:
    supernet = Supernet(cover(toy_proxies()).designs)
    other = toy_proxies([POINT], [CONV]).draw(RecallChooser({f"stages[{i}].operator": "conv" for i in range(2)}))
    assert other is not None
    with pytest.raises(KeyError):
        supernet.path(other)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stage": {"operator": CONV}}, "no stage of space 'toy' chooses its operator"),
        ({"stage": {"stride": {"choice": [1, 2]}}}, r"chooses stages\[0\]\.stride, which"),
        ({"block": {"choice": ["bottleneck", "san"]}}, "chooses block, which"),
        ({"stage": {"blocks": {"range": [1, 999, 1]}, "expansion": {"range": [1, 4, 1]}}}, r"stages\[0\].* options"),
    ],
)
def test_what_a_supernet_cannot_hold_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        cover(toy_proxies(**changes))
