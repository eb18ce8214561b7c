"""Limits on counted costs: the first one that a network is beyond, and nothing counted that is not limited."""

import pytest

from sasa_nas.cost.limits import Excess, excess_of
from sasa_nas.operators.counts import Counts, Macs
from sasa_nas.space.proxy import Limits

COUNTS = Counts(params=100, macs=Macs(conv_linear=500))


def unasked() -> int:
    raise AssertionError("memory is counted though it is not limited")


@pytest.mark.parametrize(
    ("limits", "excess"),
    [
        (Limits(), None),
        (Limits(max_flops=1000, max_params=100), None),
        (Limits(max_flops=800, max_params=50), Excess("flops", 1000, 800)),
        (Limits(max_flops=1000, max_params=50), Excess("params", 100, 50)),
        (Limits(max_latency=1e-9), None),
    ],
)
def test_the_first_limit_that_a_network_is_beyond(limits: Limits, excess: Excess | None) -> None:
    assert excess_of(limits, COUNTS, unasked) == excess


def test_memory_is_counted_where_it_is_limited() -> None:
    assert excess_of(Limits(max_memory=4096), COUNTS, lambda: 4096) is None
    found = excess_of(Limits(max_memory=4096), COUNTS, lambda: 5120)
    assert found == Excess("memory", 5120, 4096)
    assert found.share == pytest.approx(0.25)
