"""SynFlow of networks whose paths can be counted by hand, and its handling of what is not linear."""

import itertools
import math

import pytest
import torch
from torch import nn

from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.scoring.methods.synflow import synflow as synflow_of_batches


def synflow(network: nn.Module, shape: tuple[int, int, int]) -> float:
    return synflow_of_batches(network, [(torch.rand(2, *shape), torch.zeros(2, dtype=torch.int64))])


def chain(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after, bias=False), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_two_matrices_by_hand() -> None:
    """R = 1' |W2| |W1| 1, and each of the two layers holds all of it."""
    network = chain(2, 2, 1)
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
        network[3].weight.copy_(torch.tensor([[-4.0, 2.0]]))
    flow = 4 * (1 + 2) + 2 * (3 + 0.5)
    assert synflow(network, (2, 1, 1)) == pytest.approx(math.log(2 * flow))


def test_a_chain_is_its_depth_times_its_flow() -> None:
    torch.manual_seed(0)
    network = chain(6, 5, 4, 3)
    flow = torch.ones(6, dtype=torch.float64)
    for layer in (1, 3, 5):
        flow = network[layer].weight.detach().double().abs() @ flow
    assert synflow(network, (6, 1, 1)) == pytest.approx(math.log(3 * flow.sum().item()))


def test_flow_beyond_float32_is_told_by_its_logarithm() -> None:
    network = chain(*[4] * 41)
    with torch.no_grad():
        for module in network:
            if isinstance(module, nn.Linear):
                module.weight.fill_(-100.0)
    # 400 a layer: 4 * 400^40 is 1e104
    assert synflow(network, (4, 1, 1)) == pytest.approx(math.log(40) + math.log(4) + 40 * math.log(400))


def test_batch_norm_lets_everything_through() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(12, 2, bias=False))
    normed = nn.Sequential(plain[0], nn.BatchNorm2d(3), nn.ReLU(), plain[1], plain[2])
    assert synflow(normed, (1, 2, 2)) == pytest.approx(synflow(plain, (1, 2, 2)), abs=1e-5)
    assert normed.training
    assert normed[1].running_mean.abs().sum() == 0


def test_no_flow_and_too_much() -> None:
    nothing = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    nn.init.zeros_(nothing[1].weight)
    assert synflow(nothing, (1, 2, 2)) == -math.inf
    with torch.no_grad():
        nothing[1].weight.fill_(1e38)
    beyond = nn.Sequential(*[nn.Sequential(nn.Flatten(), nn.Linear(4, 4, bias=False)) for _ in range(10)])
    for layer in beyond:
        nn.init.constant_(layer[1].weight, 1e38)
    assert synflow(beyond, (1, 2, 2)) == math.inf


def test_window_attention_is_a_mean_of_its_values() -> None:
    """Of a constant image all keys are alike: the output is the values' projection, wherever queries and keys are."""
    torch.manual_seed(1)
    layer = LocalAttention2d(1, 4, kernel_size=3, num_heads=2, positions="none")
    value = layer.value.weight.detach().double().abs().sum().item()
    pixels = 5 * 5
    assert synflow(nn.Sequential(layer, nn.Flatten()), (1, 5, 5)) == pytest.approx(math.log(value * pixels), abs=1e-6)


def test_patchwise_attention_does_not_square_the_flow() -> None:
    torch.manual_seed(2)
    layers = [PatchwiseAttention2d(8, 8, kernel_size=3) for _ in range(12)]
    network = nn.Sequential(*layers, nn.Flatten())
    found = synflow(network, (8, 4, 4))
    assert math.isfinite(found)
    with torch.no_grad():
        for layer in layers:
            layer.value.weight.mul_(10.0)
            if layer.value.bias is not None:
                layer.value.bias.zero_()
    # each layer's values times ten, and nothing else to speak of
    assert synflow(network, (8, 4, 4)) - found == pytest.approx(12 * math.log(10), rel=0.2)
