"""NASWOT of ReLUs whose codes can be read off, and of the stem's."""

import math

import pytest
import torch
from assertions import every
from torch import Tensor, nn

from sasa_nas.scoring.methods.naswot import naswot as naswot_of_batches
from sasa_nas.stems.conv.layer import ConvStem


def naswot(network: nn.Module, images: Tensor) -> float:
    return naswot_of_batches(network, [(images, torch.zeros(len(images), dtype=torch.int64))])


def test_codes_by_hand() -> None:
    """Two ReLUs and three images, codes 10, 11, 00: agreements 2 with itself, 1, 1 and 0 between them."""
    network = nn.Sequential(nn.Flatten(), nn.ReLU())
    images = torch.tensor([[1.0, -1.0], [2.0, 0.5], [-3.0, -0.1]]).view(3, 2, 1, 1)
    kernel = torch.tensor([[2.0, 1.0, 1.0], [1.0, 2.0, 0.0], [1.0, 0.0, 2.0]]) + torch.eye(3)
    determinant = 3 * 3 * 3 - 3 - 3
    assert torch.linalg.det(kernel).item() == pytest.approx(determinant)
    assert naswot(network, images) == pytest.approx(math.log(determinant))


def test_equal_codes_give_a_low_score_and_no_infinity() -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU())
    same = torch.ones(2, 5, 1, 1)
    # five agreements everywhere, and one more on the diagonal
    assert naswot(network, same) == pytest.approx(math.log(36 - 25))
    assert naswot(network, torch.cat([same[:1], -same[:1]])) == pytest.approx(math.log(36))


def test_every_relu_counts_once_for_each_use() -> None:
    relu = nn.ReLU()
    once, twice = nn.Sequential(relu), nn.Sequential(relu, nn.Flatten(), relu)
    images = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    assert naswot(once, images) == pytest.approx(math.log(2 * 2))
    assert naswot(twice, images) == pytest.approx(math.log(3 * 3))


def test_the_stem_counts_though_its_relu_is_a_function() -> None:
    torch.manual_seed(0)
    stem = ConvStem(1, 4, kernel_size=3, stride=1, pool=False)
    images = torch.randn(6, 1, 5, 5)
    plain = nn.Sequential(stem.conv, stem.norm, nn.ReLU())
    assert naswot(stem, images) == pytest.approx(naswot(plain, images))


def test_the_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU()).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    naswot(network, torch.randn(4, 1, 3, 3))
    assert not network.training
    assert not network[2]._forward_hooks
    assert every(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_without_relus_has_no_code() -> None:
    with pytest.raises(ValueError, match="no ReLU"):
        naswot(nn.Sequential(nn.Flatten()), torch.zeros(2, 1, 2, 2))
