"""The patchwise layer by its fused operator against the same layer by its mapping's modules."""

import copy
from typing import get_args

import pytest
import torch
from assertions import every
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.ops import PatchwiseKind

RELATIONS: tuple[PatchwiseKind, ...] = get_args(PatchwiseKind)


def plain_and_fused(layer: PatchwiseAttention2d) -> tuple[PatchwiseAttention2d, PatchwiseAttention2d]:
    plain = copy.deepcopy(layer)
    plain.fused = False
    return plain, layer


def state(layer: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.double() for name, tensor in layer.state_dict().items()}


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"momentum": 0.3, "eps": 1e-2}])
def test_running_statistics_are_those_of_batch_norm(relation: PatchwiseKind, options: dict[str, float | None]) -> None:
    torch.manual_seed(0)
    layer = PatchwiseAttention2d(4, 8, kernel_size=3, relation=relation, share_channels=4)
    for norm in layer.mapping.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for name, setting in options.items():
                setattr(norm, name, setting)
    plain, fused = plain_and_fused(layer)
    for _ in range(3):
        x = 2 + torch.randn(3, 4, 5, 6)
        torch.testing.assert_close(fused(x), plain(x), rtol=1e-4, atol=1e-5)
    ours, theirs = state(fused), state(plain)
    assert ours.keys() == theirs.keys()
    assert any("running_var" in name for name in ours)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-5, atol=1e-6)
    x = torch.randn(1, 4, 5, 6)
    torch.testing.assert_close(fused.eval()(x), plain.eval()(x), rtol=1e-4, atol=1e-5)
    assert every(torch.equal(tensor, ours[name]) for name, tensor in state(fused).items())


def test_norms_without_running_statistics_use_the_batch_s() -> None:
    layer = PatchwiseAttention2d(4, 8, kernel_size=3)
    layer.mapping[0] = nn.BatchNorm2d(layer.mapping[0].num_features, track_running_stats=False)
    plain, fused = plain_and_fused(layer)
    x = torch.randn(3, 4, 5, 6)
    for training in (True, False):
        torch.testing.assert_close(fused.train(training)(x), plain.train(training)(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_one_value_a_channel_cannot_train(fused: bool) -> None:
    layer = PatchwiseAttention2d(4, 8, kernel_size=3)
    layer.fused = fused
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(torch.randn(1, 4, 1, 1))
    assert layer.eval()(torch.randn(1, 4, 1, 1)).shape == (1, 8, 1, 1)


def test_hooks_of_a_mapping_are_called_where_the_layer_is_not_fused() -> None:
    layer, seen = PatchwiseAttention2d(4, 8, kernel_size=3), []
    layer.mapping[1].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    layer(torch.randn(2, 4, 5, 5))
    assert not seen
    layer.fused = False
    layer(torch.randn(2, 4, 5, 5))
    assert seen == [(2, 20, 5, 5)]


class Small(nn.Module):
    """Two attentions between convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.first = PatchwiseAttention2d(8, 16, kernel_size=5, stride=2)
        self.norm = nn.Sequential(nn.BatchNorm2d(16), nn.ReLU())
        self.second = PatchwiseAttention2d(16, 16, kernel_size=3)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.norm(self.first(self.stem(x)))).mean((2, 3)))


@pytest.mark.slow
def test_fifty_steps_of_training_are_the_same() -> None:
    torch.manual_seed(0)
    fused = Small().to(memory_format=torch.channels_last)
    plain = copy.deepcopy(fused)
    plain.first.fused = plain.second.fused = False
    images, labels = torch.randn(16, 3, 10, 10), torch.randint(5, (16,))
    losses = []
    for network in (fused, plain):
        optimizer, found = torch.optim.SGD(network.parameters(), lr=0.005, momentum=0.9), []
        for _ in range(50):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses.append(torch.tensor(found))
    assert losses[1][-1] < 0.8 * losses[1][0]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=0)
