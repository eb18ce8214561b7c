from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import assert_agree, leaves, pairwise_loops, patchwise_loops

from sasa_nas.ops import PairwiseKind, PatchwiseKind, pairwise_relation, patchwise_relation

PAIRWISE = get_args(PairwiseKind)
PATCHWISE = get_args(PatchwiseKind)


@pytest.mark.parametrize("kind", PAIRWISE)
def test_pairwise_agrees_with_loops_in_value_and_gradient(kind: PairwiseKind) -> None:
    query, key = leaves((2, 3, 3, 2), (2, 3, 3, 2))
    actual = pairwise_relation(query, key, kernel_size=3, kind=kind)
    assert_agree(actual, pairwise_loops(query, key, kernel_size=3, kind=kind), [query, key])


@pytest.mark.parametrize("kind", PATCHWISE)
def test_patchwise_agrees_with_loops_in_value_and_gradient(kind: PatchwiseKind) -> None:
    query, key = leaves((2, 3, 3, 2), (2, 3, 3, 2))
    actual = patchwise_relation(query, key, kernel_size=3, kind=kind)
    assert_agree(actual, patchwise_loops(query, key, kernel_size=3, kind=kind), [query, key])


# more than 64 pixels: windows are cut out; fewer: they are products with a selection of pixels
LARGE = [(9, 8), (5, 13), (1, 65)]


@pytest.mark.parametrize("size", LARGE, ids=str)
@pytest.mark.parametrize("kind", PAIRWISE)
def test_pairwise_on_large_maps(kind: PairwiseKind, size: tuple[int, int]) -> None:
    query, key = leaves((1, 2, *size), (1, 2, *size))
    actual = pairwise_relation(query, key, kernel_size=3, kind=kind)
    assert_agree(actual, pairwise_loops(query, key, kernel_size=3, kind=kind), [query, key])


@pytest.mark.parametrize("size", LARGE, ids=str)
@pytest.mark.parametrize("kind", ["star", "concatenation"])
def test_patchwise_on_large_maps(kind: PatchwiseKind, size: tuple[int, int]) -> None:
    query, key = leaves((1, 2, *size), (1, 2, *size))
    actual = patchwise_relation(query, key, kernel_size=3, kind=kind)
    assert_agree(actual, patchwise_loops(query, key, kernel_size=3, kind=kind), [query, key])


@torch.no_grad()
def test_patchwise_cliques_on_a_large_map() -> None:
    query, key = leaves((1, 2, 9, 8), (1, 2, 9, 8))
    actual = patchwise_relation(query, key, kernel_size=3, kind="clique")
    torch.testing.assert_close(actual, patchwise_loops(query, key, kernel_size=3, kind="clique"))


@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel_size=st.sampled_from([1, 3, 5]),
    kind=st.sampled_from(PAIRWISE),
)
def test_pairwise_on_maps_smaller_than_the_window(size: tuple[int, int], kernel_size: int, kind: PairwiseKind) -> None:
    query, key = leaves((1, 2, *size), (1, 2, *size))
    actual = pairwise_relation(query, key, kernel_size=kernel_size, kind=kind)
    torch.testing.assert_close(actual, pairwise_loops(query, key, kernel_size=kernel_size, kind=kind))


@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel_size=st.sampled_from([1, 3, 5]),
    kind=st.sampled_from(["star", "concatenation"]),
)
def test_patchwise_on_maps_smaller_than_the_window(
    size: tuple[int, int], kernel_size: int, kind: PatchwiseKind
) -> None:
    query, key = leaves((1, 2, *size), (1, 2, *size))
    actual = patchwise_relation(query, key, kernel_size=kernel_size, kind=kind)
    torch.testing.assert_close(actual, patchwise_loops(query, key, kernel_size=kernel_size, kind=kind))


@pytest.mark.parametrize("kind", PAIRWISE)
def test_pairwise_gradcheck(kind: PairwiseKind) -> None:
    assert torch.autograd.gradcheck(
        lambda q, k: pairwise_relation(q, k, kernel_size=3, kind=kind), leaves((1, 2, 1, 2), (1, 2, 1, 2))
    )


@pytest.mark.parametrize("kind", PATCHWISE)
def test_patchwise_gradcheck(kind: PatchwiseKind) -> None:
    assert torch.autograd.gradcheck(
        lambda q, k: patchwise_relation(q, k, kernel_size=3, kind=kind), leaves((1, 2, 1, 2), (1, 2, 1, 2))
    )


def test_shapes_on_the_meta_device_and_of_an_empty_batch() -> None:
    for batch, device in ((0, "cpu"), (2, "meta")):
        maps = torch.zeros(batch, 4, 5, 2, device=device)
        for kind, channels in zip(PAIRWISE, (4, 4, 4, 8, 1), strict=True):
            out = pairwise_relation(maps, maps, kernel_size=3, kind=kind)
            assert out.shape == (batch, channels, 9, 5, 2)
        for kind, channels in zip(PATCHWISE, (9, 81, 40), strict=True):
            out = patchwise_relation(maps, maps, kernel_size=3, kind=kind)
            assert out.shape == (batch, channels, 5, 2)


@pytest.mark.parametrize("relation", [pairwise_relation, patchwise_relation])
def test_bad_arguments_are_named(relation: object) -> None:
    maps = torch.zeros(1, 2, 3, 3)
    assert callable(relation)
    with pytest.raises(ValueError, match="kernel_size"):
        relation(maps, maps, kernel_size=2, kind="concatenation")
    with pytest.raises(ValueError, match="query"):
        relation(maps[0], maps, kernel_size=3, kind="concatenation")
    with pytest.raises(ValueError, match="key"):
        relation(maps, maps[:, :1], kernel_size=3, kind="concatenation")
    with pytest.raises(ValueError, match="kind"):
        relation(maps, maps, kernel_size=3, kind="quotient")
