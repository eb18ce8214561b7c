"""The weights of attention: times the values they give what the layer gives, whatever its options."""

import itertools
from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.analysis.attention_weights import attention_probe, attention_weights, footprint
from sasa_nas.layers import MapAttention2d
from sasa_nas.operators.global_attention.layer import GlobalAttention2d
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.stems.attention.layer import AttentionStem

Layer = TypeVar("Layer", bound=nn.Module)

STEM_VALUES = ["plain", "conv_values", "spatially_aware"]


def scrambled(layer: Layer) -> Layer:
    """The layer in float64, its parameters and running statistics as training leaves them: none as initialised."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, tensor in layer.double().state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0, generator=generator)
            elif tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, dtype=torch.float64, generator=generator) * 0.5)
    return layer.eval()


def image(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def all_weights(layer: nn.Module, x: Tensor) -> Tensor:
    """`(B, H * W, heads, H, W)`."""
    return attention_weights(layer, x, list(itertools.product(range(x.shape[2]), range(x.shape[3]))))


def weighted(weights: Tensor, value: Tensor, *, interleaved: bool = False) -> Tensor:
    """Every query's weighted sum of a `(B, C, H, W)` map: a map again."""
    channel = torch.arange(value.shape[1])
    heads = weights.shape[2]
    head = channel % heads if interleaved else channel // (len(channel) // heads)
    return torch.einsum("bicyx,bcyx->bci", weights[:, :, head], value).view(value.shape)


def into(module: nn.Module, run: Callable[[], Tensor]) -> Tensor:
    """What `module` is given while `run` runs."""
    inputs: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    run()
    handle.remove()
    return inputs[0]


def test_keys_of_zeros_take_their_share() -> None:
    x = image(2, 6, 5, 4)
    for padding in ("mask", "zeros"):
        total = all_weights(scrambled(LocalAttention2d(6, 8, num_heads=2, padding=padding)), x).sum((-2, -1))
        if padding == "mask":
            torch.testing.assert_close(total, torch.ones_like(total))
        else:
            assert (total[:, 0] < 1).all(), "beyond the corner lie keys"
            assert total.max() < 1 + 1e-9


def test_a_stride_pools_what_the_weights_sum() -> None:
    layer = scrambled(LocalAttention2d(4, 4, kernel_size=3, num_heads=2, stride=2))
    x = image(1, 4, 5, 6)
    sums = weighted(all_weights(layer, x), layer.value(x))
    pooled = F.avg_pool2d(sums, 2, ceil_mode=True, count_include_pad=False)
    torch.testing.assert_close(pooled, layer(x))


def test_window_attention_by_hand() -> None:
    layer = scrambled(LocalAttention2d(4, 4, kernel_size=3, num_heads=2, positions="relative"))
    x = image(1, 4, 4, 5)
    query, key = layer.query(x)[0], layer.key(x)[0]
    logits = torch.full((4, 5), -torch.inf, dtype=torch.float64)
    head, row, column = slice(2, 4), 0, 3
    for dy, dx in itertools.product((-1, 0, 1), repeat=2):
        if 0 <= row + dy < 4 and 0 <= column + dx < 5:
            embedding = torch.cat([layer.rel_rows[dy + 1], layer.rel_cols[dx + 1]])
            logits[row + dy, column + dx] = query[head, row, column].dot(key[head, row + dy, column + dx] + embedding)
    expected = logits.flatten().softmax(0).view(4, 5)
    torch.testing.assert_close(attention_weights(layer, x, [(row, column)])[0, 0, 1], expected)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_whole_map_attention_is_its_weights_times_its_values(relative: bool, bias: bool) -> None:
    layer = MapAttention2d(5, 6, 4, num_heads=2, relative=relative, bias=bias, feature_size=(5, 6))
    x = image(2, 5, 3, 6)
    weights = all_weights(scrambled(layer), x)
    torch.testing.assert_close(weighted(weights, layer.value(x)), into(layer.projection, lambda: layer(x)))
    torch.testing.assert_close(weights.sum((-2, -1)), torch.ones_like(weights[..., 0, 0]))


def test_global_attention_attends_before_its_stride() -> None:
    layer = scrambled(GlobalAttention2d(4, 6, num_heads=3, stride=2, feature_size=(4, 4)))
    x = image(1, 4, 4, 4)
    inner = layer.attention
    assert into(inner, lambda: layer(x)) is x
    sums = weighted(all_weights(inner, x), inner.value(x))
    torch.testing.assert_close(F.avg_pool2d(inner.projection(sums), 2), layer(x))


@pytest.mark.parametrize("values", STEM_VALUES)
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_the_stem_is_its_weights_times_its_values(values, size: tuple[int, int]) -> None:
    layer = scrambled(AttentionStem(3, 4, kernel_size=3, num_heads=2, values=values))
    x = image(2, 3, *size)
    if values == "spatially_aware":
        place = layer.emb_row[:, None] + layer.emb_col
        shares = torch.einsum("abe,me->abm", place, layer.nu).softmax(-1)
        projections = torch.einsum("abm,mio->abio", shares, layer.value_mixture).repeat(3, 3, 1, 1)
        value = torch.einsum("bihw,hwio->bohw", x, projections[: size[0], : size[1]])
    else:
        value = F.conv2d(x, layer.value.weight, padding="same")
    weights = all_weights(layer, x)
    torch.testing.assert_close(weighted(weights, value), into(layer.norm, lambda: layer(x)))
    torch.testing.assert_close(weights.sum((-2, -1)), torch.ones_like(weights[..., 0, 0]))


def equal_projections(layer: nn.Module, *, gain: float) -> None:
    """Makes query and key the input itself, the query `gain` times it."""
    with torch.no_grad():
        for projection, factor in ((layer.query, gain), (layer.key, 1.0)):
            projection.weight.copy_(factor * torch.eye(len(projection.weight))[..., None, None])


@pytest.mark.parametrize(
    "layer",
    [
        LocalAttention2d(4, 4, kernel_size=7, num_heads=1, positions="none", interactions="content"),
        MapAttention2d(4, 4, 4, num_heads=1, relative=False, bias=False, feature_size=(6, 6)),
        AttentionStem(4, 4, kernel_size=6, num_heads=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_query_that_equals_one_key_attends_there(layer: nn.Module) -> None:
    equal_projections(layer, gain=50.0)
    x = torch.zeros(1, 4, 6, 6)
    x[0, :, 2, 3] = x[0, :, 4, 5] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    x[0, :, 3, 3] = torch.tensor([0.0, 1.0, -1.0, 0.0])
    weights = attention_weights(layer, x, [(2, 3), (3, 3)])[0, :, 0]
    expected = torch.zeros(2, 6, 6)
    expected[0, 2, 3] = expected[0, 4, 5] = 0.5
    expected[1, 3, 3] = 1.0
    torch.testing.assert_close(weights, expected, atol=1e-4, rtol=0)


@settings(max_examples=20, deadline=None)
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    kernel_size=st.sampled_from([1, 3, 5, 9]),
    place=st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
def test_nothing_outside_the_footprint_counts(height: int, width: int, kernel_size: int, place) -> None:
    cell = (min(place[0], height - 1), min(place[1], width - 1))
    x = torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(1))
    for layer in (
        LocalAttention2d(4, 4, kernel_size=kernel_size, num_heads=2),
        AttentionStem(4, 4, kernel_size=kernel_size, num_heads=2),
        MapAttention2d(4, 4, 4, num_heads=2, relative=True, bias=True, feature_size=(7, 7)),
    ):
        weights = attention_weights(layer, x, [cell])[0, 0, 0]
        rows, columns = footprint(layer, cell, (height, width))
        inside = torch.zeros_like(weights)
        inside[rows, columns] = 1
        assert torch.equal(weights > 0, inside > 0)


def test_the_layer_is_left_as_it_is() -> None:
    layer = PairwiseAttention2d(4, 8, kernel_size=3).train()
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    state = torch.random.get_rng_state()
    attention_weights(layer, torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(1)), [(0, 0)])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert layer.training
    assert isinstance(layer.value, nn.Conv2d)
    assert every(parameter.requires_grad and parameter.grad is None for parameter in layer.parameters())
    assert every(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


@pytest.mark.parametrize("cell", [(3, 0), (0, 4), (-1, 0)])
def test_cells_outside_the_map_are_refused(cell: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside a map of 3 x 4"):
        attention_weights(LocalAttention2d(4, 4, num_heads=2), torch.zeros(1, 4, 3, 4), [cell])


def test_heads_are_counted() -> None:
    for layer, heads in ((LocalAttention2d(8, 8, num_heads=4), 4), (PatchwiseAttention2d(8, 16, share_channels=8), 2)):
        probe = attention_probe(layer)
        assert probe is not None
        assert probe.heads == heads


def test_a_convolution_has_no_weights() -> None:
    assert attention_probe(nn.Conv2d(4, 4, 3)) is None
    with pytest.raises(ValueError, match="Conv2d has no attention weights"):
        attention_weights(nn.Conv2d(4, 4, 3), torch.zeros(1, 4, 3, 4), [(0, 0)])
