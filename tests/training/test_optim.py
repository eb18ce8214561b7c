import itertools
import math

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sasa_nas.training.optim import adamw, learning_rate_at, set_learning_rate


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.rel_h = nn.Parameter(torch.ones(2, 5))
        self.position = nn.Module()
        self.position.rel_w = nn.Parameter(torch.ones(2, 5))
        self.relation = nn.Linear(2, 2)
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def test_decay_pulls_on_kernels_and_matrices_alone():
    net = Net()
    optimizer = adamw(net, learning_rate=0.1, weight_decay=0.5)
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    for value in net.parameters():
        if value.requires_grad:
            value.grad = torch.zeros_like(value)
    optimizer.step()
    # With no gradient AdamW multiplies a decayed weight by 1 - rate * decay and leaves the others.
    shrunk = {"conv.weight", "relation.weight"}
    for name, value in net.named_parameters():
        factor = 0.95 if name in shrunk else 1.0
        assert torch.allclose(value, before[name] * factor), name


def test_step_matches_the_papers_update():
    weight = nn.Linear(1, 1, bias=False)
    nn.init.constant_(weight.weight, 2.0)
    optimizer = adamw(weight, learning_rate=1.0, weight_decay=0.1)
    set_learning_rate(optimizer, 0.01)
    weight.weight.grad = torch.full((1, 1), 3.0)
    optimizer.step()
    # The first step's bias-corrected moments are the gradient and its square.
    expected = 2.0 * (1 - 0.01 * 0.1) - 0.01 * 3.0 / (3.0 + 1e-8)
    assert weight.weight.item() == pytest.approx(expected, rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(total=st.integers(1, 500), peak=st.floats(1e-5, 1.0))
def test_rate_rises_linearly_to_its_peak_then_falls_and_is_never_zero(total, peak):
    rates = [learning_rate_at(step, total_steps=total, peak=peak) for step in range(total)]
    warmup = max(1, round(total / 10))
    assert rates[warmup - 1] == pytest.approx(peak)
    assert every(rate == pytest.approx(peak * (i + 1) / warmup) for i, rate in enumerate(rates[:warmup]))
    falling = rates[warmup - 1 :]
    assert [(a, b) for a, b in itertools.pairwise(falling) if not a > b > 0] == []  # one step has no pairs


def test_rate_is_half_at_the_middle_of_the_cosine():
    # 10 steps of warm-up and 90 of decay, which would be at zero on step 100, one past the last.
    assert learning_rate_at(99, total_steps=100, peak=1.0) == pytest.approx(0.5 * (1 - math.cos(math.pi / 91)))
    assert learning_rate_at(54, total_steps=100, peak=1.0) == pytest.approx(0.5, abs=0.02)
