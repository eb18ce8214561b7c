"""What surrounds the kernels of SAN's attention: which problems they take, and what torch computes for them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sasa_nas.ops import MappingLayer
from sasa_nas.ops.mapping.normed_maps import NormedMaps
from sasa_nas.ops.pairwise_attention import triton_plan as pairwise_plan
from sasa_nas.ops.pairwise_attention.problem import Problem as PairwiseProblem
from sasa_nas.ops.patchwise_attention import triton_plan as patchwise_plan
from sasa_nas.ops.patchwise_attention.places import channel_by_channel, place_by_place, window_statistics
from sasa_nas.ops.patchwise_attention.problem import Problem as PatchwiseProblem
from sasa_nas.ops.windows import reflected_windows


def empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


def layer(before: int, after: int) -> MappingLayer:
    return MappingLayer(empty(before), empty(before), None, None, empty(after, before), None, 1e-5)


def pairwise(keys: int, values: int, weights: int, *, positions: int = 2) -> PairwiseProblem:
    query, value = empty(1, keys + positions, 5, 5), empty(1, values, 5, 5)
    layers = (layer(keys + positions, keys), layer(keys, weights))
    return PairwiseProblem(query, query, value, layers, 3, "subtraction", positions)


def patchwise(keys: int, values: int, weights: int) -> PatchwiseProblem:
    query, value = empty(1, keys, 5, 5), empty(1, values, 5, 5)
    layers = (layer(10 * keys, weights), layer(weights, 9 * weights))
    return PatchwiseProblem(query, query, value, layers, 3, "concatenation")


@pytest.fixture(autouse=True)
def any_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in (pairwise_plan, patchwise_plan):
        monkeypatch.setattr(plan, "triton_cannot", lambda device, dtype: None)


def test_pairwise_kernels_take_what_registers_hold() -> None:
    cannot = pairwise_plan.kernels_cannot
    assert cannot(pairwise(64, 256, 32)) is None
    assert cannot(pairwise(65, 256, 32)) == "relation, mapping or weights have more than 64 channels"
    assert cannot(replace(pairwise(64, 256, 32), kind="concatenation")) is not None
    assert cannot(pairwise(4, 257, 1)) == "values have more than 256 channels"
    assert cannot(pairwise(4, 16, 2, positions=5)) == "there are more than 4 channels of positions"


def test_patchwise_kernels_take_two_layers_and_no_clique() -> None:
    cannot = patchwise_plan.kernels_cannot
    assert cannot(patchwise(128, 512, 64)) is None
    assert cannot(patchwise(129, 512, 64)) == "keys, mapping or weights have more than 128 channels"
    assert cannot(replace(patchwise(4, 16, 2), kind="clique")) == "a clique has kernel_size**4 channels"
    one = replace(patchwise(4, 16, 2), mapping=patchwise(4, 16, 2).mapping[:1])
    assert cannot(one) == "the mapping has one layer"


def test_chunks_cover_all_tiles() -> None:
    for tiles, places in ((1, 50), (1000, 50), (7, 9), (5000, 1)):
        chunks, each = patchwise_plan.chunks_of(tiles, places)
        assert (chunks - 1) * each < tiles <= chunks * each


@pytest.mark.parametrize(("size", "kernel_size"), [((4, 5), 3), ((2, 3), 5), ((1, 1), 3)])
def test_window_statistics_are_those_of_the_windows(size: tuple[int, int], kernel_size: int) -> None:
    maps = 3 + torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, variance = window_statistics(maps, kernel_size)
    windows = reflected_windows(maps, kernel_size)
    expected = torch.var_mean(windows, (0, 3, 4), correction=0)
    torch.testing.assert_close(variance, expected[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(mean, expected[1], rtol=0, atol=1e-6)


def test_places_hold_the_channels_of_a_concatenation() -> None:
    query, shown = torch.randn(2, 3), torch.randn(2, 3, 4)
    channels = torch.cat([query, shown.flatten(1)], dim=1)
    places = place_by_place(channels, 3)
    torch.testing.assert_close(places[0], query)
    torch.testing.assert_close(places[3], shown[:, :, 2])
    torch.testing.assert_close(channel_by_channel(places), channels)


@pytest.mark.parametrize("training", [True, False])
def test_normed_maps_are_batch_norm_and_relu(training: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    maps, grad = (torch.randn(2, 3, 4, 5, generator=generator) for _ in range(2))
    scale, shift, mean, variance = (torch.randn(3, generator=generator) for _ in range(4))
    variance = variance.abs() + 0.5
    leaves = [tensor.double().requires_grad_() for tensor in (maps, shift, scale)]
    expected = torch.nn.functional.batch_norm(
        leaves[0], mean.double(), variance.double(), leaves[2], leaves[1], training=training
    ).relu()
    gradients = torch.autograd.grad(expected, leaves, grad.double())
    given = (None, None) if training else (mean, variance)
    normed = NormedMaps(maps, MappingLayer(scale, shift, *given, torch.empty(1, 3), None, 1e-5))
    ours, sums = normed.gradient(grad)
    torch.testing.assert_close(normed.active(), expected.float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours, gradients[0].float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sums, torch.stack(gradients[1:]).float(), rtol=1e-4, atol=1e-5)
