import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import activated, assert_gradients_reach, image, parameter_count, pixels, scrambled
from torch import Tensor

from sasa_nas.stems.conv.layer import ConvStem


def by_loops(layer: ConvStem, x: Tensor) -> Tensor:
    _, _, height, width = x.shape
    stride, radius = layer.stride, layer.kernel_size // 2
    out = torch.zeros(len(x), layer.out_channels, -(-height // stride), -(-width // stride), dtype=torch.float64)
    for b, y, column in pixels(out):
        for i in range(layer.kernel_size):
            for j in range(layer.kernel_size):
                from_y, from_x = y * stride + i - radius, column * stride + j - radius
                if 0 <= from_y < height and 0 <= from_x < width:
                    out[b, :, y, column] += layer.conv.weight[:, :, i, j] @ x[b, :, from_y, from_x]
    if layer.norm is not None:
        out = activated(layer.norm, out)
    if not layer.pool:
        return out
    _, _, height, width = out.shape
    pooled = torch.empty(len(x), layer.out_channels, -(-height // 2), -(-width // 2), dtype=torch.float64)
    for b, y, column in pixels(pooled):
        near = out[b, :, max(2 * y - 1, 0) : 2 * y + 2, max(2 * column - 1, 0) : 2 * column + 2]
        pooled[b, :, y, column] = near.flatten(1).max(1).values
    return pooled


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("kernel_size", "stride", "pool"), [(7, 2, True), (3, 1, False), (3, 2, True)])
def test_agrees_with_loops(kernel_size: int, stride: int, pool: bool, training: bool) -> None:
    layer = scrambled(ConvStem(3, 4, kernel_size=kernel_size, stride=stride, pool=pool)).train(training)
    x = image(2, 3, 7, 6)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-10, atol=1e-12)


@torch.no_grad()
def test_agrees_with_loops_as_a_bare_convolution() -> None:
    layer = scrambled(ConvStem(3, 4, kernel_size=3, stride=1, pool=False, activation=False))
    assert list(layer.state_dict()) == ["conv.weight"]
    x = image(2, 3, 5, 4)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-10, atol=1e-12)


def test_weights_keep_their_names() -> None:
    norm = [f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    assert list(ConvStem(3, 4).state_dict()) == ["conv.weight", *norm]


@pytest.mark.parametrize("activation", [False, True])
@pytest.mark.parametrize("size", [(12, 12), (9, 14)])
def test_gradients_reach_every_parameter(size: tuple[int, int], activation: bool) -> None:
    assert_gradients_reach(scrambled(ConvStem(3, 4, activation=activation)), image(2, 3, *size))


def test_the_stem_of_a_resnet_has_its_parameters() -> None:
    assert parameter_count(ConvStem(3, 64)) == 7 * 7 * 3 * 64 + 128


@torch.no_grad()
@settings(deadline=None, max_examples=15)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    stride=st.sampled_from([1, 2]),
    pool=st.booleans(),
)
def test_output_shape(size: tuple[int, int], stride: int, pool: bool) -> None:
    layer = ConvStem(3, 4, stride=stride, pool=pool)
    halvings = 2 if pool else 1
    expected = tuple(math.ceil(math.ceil(side / stride) / halvings) for side in size)
    assert layer(torch.randn(2, 3, *size)).shape == (2, 4, *expected)


@pytest.mark.parametrize(("name", "arguments"), [("kernel_size", {"kernel_size": 4}), ("stride", {"stride": 0})])
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        ConvStem(3, 4, **arguments)
