import subprocess
import sys

import pytest
import torch
from layer_oracles import around, image, scrambled
from torch import nn

from sasa_nas.layers.shortcut import PaddedShortcut, Shortcut


@torch.no_grad()
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(("out_channels", "stride"), [(3, 2), (4, 1), (4, 2)])
@pytest.mark.parametrize("size", [(4, 4), (3, 5), (1, 1)])
def test_a_projection_is_a_strided_convolution(
    size: tuple[int, int], out_channels: int, stride: int, norm: bool
) -> None:
    shortcut = scrambled(Shortcut(3, out_channels, stride=stride, norm=norm))
    assert [type(layer) for layer in shortcut] == [nn.Conv2d, nn.BatchNorm2d][: 2 if norm else 1]
    x = image(2, 3, *size)
    torch.testing.assert_close(shortcut(x), around(shortcut, x), rtol=1e-10, atol=1e-12)


THIN_STEP = """
import torch
from sasa_nas.layers.shortcut import Shortcut

torch.set_num_threads(1)
shortcut = Shortcut(8, 16, stride=2).to(memory_format=torch.channels_last)
x = torch.randn(2, 8, 64, 64).to(memory_format=torch.channels_last).requires_grad_()
out = shortcut(x)
out.backward(torch.ones_like(out))
assert x.grad[:, :, 1::2].eq(0).all() and x.grad[:, :, ::2, ::2].ne(0).any()
"""


@pytest.mark.slow
def test_few_channels_of_a_large_map_do_not_crash_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", THIN_STEP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_gradient_of_a_strided_one_keeps_channels_last() -> None:
    x = torch.randn(2, 4, 6, 6).to(memory_format=torch.channels_last).requires_grad_()
    (gradient,) = torch.autograd.grad(Shortcut(4, 8, stride=2)(x).square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shortcut", [Shortcut(3, 3), Shortcut(3, 3, norm=False), PaddedShortcut(3, 3)])
def test_where_shapes_agree_it_is_the_identity(shortcut: nn.Module) -> None:
    x = image(2, 3, 4, 5)
    assert shortcut(x) is x


@torch.no_grad()
@pytest.mark.parametrize(("out_channels", "stride"), [(3, 2), (6, 1), (7, 2), (7, 3)])
@pytest.mark.parametrize("size", [(4, 4), (3, 5), (1, 7), (1, 1)])
def test_a_padded_one_averages_and_adds_zeros(size: tuple[int, int], out_channels: int, stride: int) -> None:
    shortcut = PaddedShortcut(3, out_channels, stride=stride)
    assert not list(shortcut.parameters())
    x = image(2, 3, *size)
    torch.testing.assert_close(shortcut(x), around(shortcut, x), rtol=1e-10, atol=1e-12)


def test_zeros_cannot_take_channels_away() -> None:
    with pytest.raises(ValueError, match=r"out_channels=3 .*in_channels=4"):
        PaddedShortcut(4, 3)
