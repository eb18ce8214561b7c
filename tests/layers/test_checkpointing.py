import copy

import pytest
import torch
from layer_oracles import image, scrambled
from torch import nn

from sasa_nas.layers.checkpointing import checkpointed


@pytest.mark.parametrize("momentum", [0.1, None])
def test_gradients_and_running_statistics_are_those_of_a_plain_call(momentum: float | None) -> None:
    layers = [nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=momentum), nn.ReLU(), nn.Conv2d(4, 2, 1)]
    plain = scrambled(nn.Sequential(*layers, nn.BatchNorm2d(2))).train()
    block = copy.deepcopy(plain)
    x = image(2, 3, 4, 5)
    for _ in range(2):
        plain(x).square().sum().backward()
        checkpointed(block, x).square().sum().backward()
    for one, two in zip(plain.parameters(), block.parameters(), strict=True):
        assert one.grad is not None
        assert two.grad is not None
        assert torch.equal(one.grad, two.grad)
    assert plain[1].num_batches_tracked == 2
    assert block[1].momentum == momentum
    for (name, one), two in zip(plain.named_buffers(), block.buffers(), strict=True):
        assert torch.equal(one, two), name


def test_activations_are_not_kept() -> None:
    calls: list[int] = []
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    block[0].register_forward_hook(lambda *_: calls.append(1))
    out = checkpointed(block, torch.ones(1, 3, 2, 2))
    assert len(calls) == 1
    out.sum().backward()
    assert len(calls) == 2
