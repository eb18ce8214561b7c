"""ZiCo against gradients in closed form."""

import math

import pytest
import torch
from assertions import every
from torch import nn

from sasa_nas.scoring.methods.zico import zico


def test_one_layer_by_hand() -> None:
    """With weights of zero both classes have probability 1/2, and the gradient is (p - y) x, averaged."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    nn.init.zeros_(network[1].weight)
    images = [torch.tensor([[2.0, 4.0]]), torch.tensor([[6.0, 4.0]])]
    labels = [torch.tensor([0]), torch.tensor([0])]
    # gradients of the first input: -1 then -3 (and 1, 3 for the other class); of the second always -2 and 2
    ratio = (1 + 3) / 2 / 1.0
    batches = [(x.view(1, 2, 1, 1), y) for x, y in zip(images, labels, strict=True)]
    assert zico(network, batches) == pytest.approx(math.log(2 * ratio))


def test_the_sign_of_a_gradient_is_part_of_its_deviation() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    nn.init.zeros_(network[1].weight)
    batches = [(torch.full((1, 1, 1, 1), value), torch.tensor([0])) for value in (2.0, -6.0)]
    # -1 and 3: mean size 2, deviation 2
    assert zico(network, batches) == pytest.approx(math.log(2 * 2 / 2))


def test_layers_add_up_and_still_layers_count_nothing() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    batches = [(torch.randn(5, 3, 1, 1), torch.randint(0, 2, (5,))) for _ in range(3)]
    expected = 0.0
    gradients: dict[str, list[torch.Tensor]] = {"1": [], "3": []}
    for images, labels in batches:
        network.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        for name, kept in gradients.items():
            kept.append(network.get_submodule(name).weight.grad.double().clone())
    for kept in gradients.values():
        total = 0.0
        for values in zip(*(g.flatten().tolist() for g in kept), strict=True):
            mean = sum(values) / 3
            deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / 3)
            if deviation > 0:
                total += sum(map(abs, values)) / 3 / deviation
        expected += math.log(total)
    network.zero_grad()
    assert zico(network, batches) == pytest.approx(expected, rel=1e-5)
    assert every(parameter.grad is None for parameter in network.parameters())
    assert zico(network, [batches[0], batches[0]]) == 0.0


def test_one_batch_has_no_deviation() -> None:
    with pytest.raises(ValueError, match="at least two"):
        zico(nn.Linear(1, 1), [(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))])
