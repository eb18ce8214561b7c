"""The numbers of attention against weights whose numbers are known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.analysis.attention_maps import AttentionMap, AttentionView, Place
from sasa_nas.analysis.attention_summary import summarise_attention, summarise_head
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.operators.probe import AttentionProbe


def test_one_cell_has_it_all() -> None:
    weights = torch.zeros(5, 6)
    weights[4, 4] = 1
    found = summarise_head(weights, (1, 0), 3)
    assert (found.head, found.entropy, found.mean_distance) == (3, 0, 5)
    assert (found.outside_3x3, found.total, found.largest) == (1, 1, 1)


def test_all_share_alike() -> None:
    found = summarise_head(torch.full((5, 5), 1 / 25), (2, 2), None)
    distances = [math.hypot(y - 2, x - 2) for y in range(5) for x in range(5)]
    assert found.entropy == pytest.approx(math.log(25))
    assert found.mean_distance == pytest.approx(sum(distances) / 25)
    assert found.outside_3x3 == pytest.approx(16 / 25)
    assert found.total == pytest.approx(1)


def test_signs_count_in_the_sum_alone() -> None:
    weights = torch.zeros(3, 9)
    weights[1, 4], weights[1, 6], weights[0, 4] = 0.5, -1.0, 0.5
    found = summarise_head(weights, (1, 4), 0)
    assert (found.total, found.largest) == (0, -1)
    assert found.mean_distance == pytest.approx(0.25 * 0 + 0.5 * 2 + 0.25 * 1)
    assert found.outside_3x3 == pytest.approx(0.5)
    assert found.entropy == pytest.approx(1.5 * math.log(2))


def test_no_weight_at_all_is_zero_and_no_nan() -> None:
    found = summarise_head(torch.zeros(3, 3), (0, 0), 0)
    assert set(found.model_dump(exclude={"head"}).values()) == {0}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-5, 5, width=32), min_size=12, max_size=12), st.floats(0.5, 8))
def test_scale_changes_sums_and_no_shares(values: list[float], factor: float) -> None:
    weights = torch.tensor(values).view(3, 4)
    weights[0, 0] = 1.0
    one, other = (summarise_head(scaled, (1, 2), 0) for scaled in (weights.double(), factor * weights.double()))
    for name in ("entropy", "mean_distance", "outside_3x3"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert other.total == pytest.approx(factor * one.total)
    assert 0 <= one.entropy <= math.log(12) + 1e-9


def test_a_view_is_told_row_by_row() -> None:
    place = Place(2, 1, 0, "local_attention", LocalAttention2d(4, 4, num_heads=2), AttentionProbe(heads=5, channels=4))
    weights = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0))
    found = AttentionMap(place, (5, 6), (1, 2), (0, 4), weights, weights.mean(0), slice(0, 3), slice(1, 4))
    summary = summarise_attention(AttentionView("net", "random (seed 0)", "cat.png", torch.zeros(3, 12, 16), [found]))
    assert (summary.network, summary.weights, summary.image) == ("net", "random (seed 0)", "cat.png")
    assert (summary.height, summary.width) == (12, 16)
    (row,) = summary.maps
    assert (row.name, row.stage, row.block, row.layer) == ("stage 2, block 1", 2, 1, 0)
    assert row.operator == "local_attention"
    assert (row.height, row.width, row.pixel, row.cell) == (3, 4, (5, 6), (1, 2))
    assert [head.head for head in row.heads] == [None, 0, 4]
    assert row.heads[2] == summarise_head(weights[1], (1, 2), 4)
    assert row.heads[0] == summarise_head(weights.mean(0), (1, 2), None)
