"""PGD against linear networks, where the worst image within the limits is known in closed form."""

import math

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sasa_nas.data.splits import DatasetInfo, ImageSet, Standardisation
from sasa_nas.training.adversarial import Attack, draw_targets, evaluate_attacked, pgd, pixels_of

INFO = DatasetInfo("toy", channels=2, height=3, width=2, num_classes=2, flip=False, shift=0, pixel_max=16.0)
SCALE = Standardisation(torch.tensor([[[5.0]], [[8.0]]]), torch.tensor([[[2.0]], [[4.0]]]))


class Linear(nn.Module):
    """Two classes; class 1 where `weight . input + bias` is positive."""

    def __init__(self, weight: torch.Tensor, bias: float):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.tensor(bias))
        self.norm = nn.BatchNorm2d(weight.shape[0])  # its statistics would move in training mode

    def forward(self, images):
        score = (self.norm(images) * self.weight).sum((1, 2, 3)) + self.bias
        return torch.stack([-score / 2, score / 2], 1)


def drawn(seed, *shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def generator():
    return torch.Generator().manual_seed(0)


def linear(seed=0):
    weight = drawn(seed, 2, 3, 2) - 0.5
    return Linear(weight, bias=float(-(weight.sum() / 2))).eval()


def worst(network, pixels, labels, epsilon):
    """The closed form: every pixel goes as far as it may against the sign of its weight."""
    side = (2 * labels - 1).view(-1, 1, 1, 1)
    return (pixels - epsilon * side * network.weight.detach().sign()).clamp(0, 1)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("epsilon", [0.01, 0.2, 0.7])
def test_finds_the_worst_image_of_a_linear_network(epsilon, targeted):
    network, pixels = linear(), drawn(1, 40, 2, 3, 2)
    labels = torch.arange(40) % 2
    attack = Attack(epsilon, steps=5, step_size=epsilon / 2, targeted=targeted)
    found = pgd(network, pixels, 1 - labels if targeted else labels, attack, generator())
    assert torch.allclose(found, worst(network, pixels, labels, epsilon), atol=1e-6)
    inside = (pixels > epsilon) & (pixels < 1 - epsilon)
    assert torch.allclose((found - pixels).abs()[inside], torch.tensor(epsilon), atol=1e-6)


def test_accuracy_is_the_share_of_margins_beyond_the_attack():
    network, epsilon = linear(), 0.03
    # raw pixels whose pixels in [0, 1] stay inside by epsilon, so that no bound takes part
    raw = 16 * (0.1 + 0.8 * drawn(2, 200, 2, 3, 2))
    labels = torch.arange(200) % 2
    inputs = SCALE.apply(raw)
    weight = network.weight.detach().double()
    score = (inputs.double() / math.sqrt(1 + 1e-5) * weight).sum((1, 2, 3)) + network.bias.item()
    # one pixel's unit is 16 raw ones, and each channel has its own standard deviation
    reach = epsilon * 16 * (weight.abs() / SCALE.std / math.sqrt(1 + 1e-5)).sum()
    margins = (2 * labels - 1) * score
    robust = (margins > reach).double().mean().item()
    assert 0.05 < robust < (margins > 0).double().mean() - 0.05
    result = evaluate_attacked(
        network, ImageSet(inputs, labels), INFO, SCALE, Attack(epsilon, 8, epsilon / 3), seed=0, batch_size=64
    )
    assert result.accuracy == pytest.approx(robust)
    assert result.success is None


@settings(max_examples=30, deadline=None)
@given(
    epsilon=st.floats(1e-3, 2.0),
    steps=st.integers(1, 4),
    stride=st.floats(0.01, 10.0),
    seed=st.integers(0, 10_000),
    targeted=st.booleans(),
)
def test_stays_in_the_ball_and_in_the_pixels_range(epsilon, steps, stride, seed, targeted):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)).eval()
    pixels = drawn(seed, 5, 2, 3, 2).round(decimals=1)  # some at the bounds
    labels = torch.arange(5) % 3
    found = pgd(network, pixels, labels, Attack(epsilon, steps, stride * epsilon, targeted), generator())
    assert found.shape == pixels.shape
    assert (found - pixels).abs().max() <= epsilon * (1 + 1e-5) + 1e-7
    assert found.min() >= 0
    assert found.max() <= 1
    assert not found.requires_grad


def test_starts_at_random_inside_the_ball():
    network, pixels = linear(), torch.full((200, 2, 3, 2), 0.5)
    labels = torch.zeros(200, dtype=torch.int64)
    moved = pgd(network, pixels, labels, Attack(0.1, steps=1, step_size=1e-6), generator()) - pixels
    assert moved.abs().max() <= 0.1 + 1e-6
    assert moved.mean().item() == pytest.approx(0.0, abs=0.01)
    assert moved.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)


def test_the_loss_rises_against_a_network_that_is_not_linear():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3)).eval()
    pixels, labels = drawn(3, 60, 2, 3, 2), torch.arange(60) % 3
    losses = [nn.functional.cross_entropy(network(pixels), labels).item()]
    for epsilon in (0.05, 0.1, 0.2):
        found = pgd(network, pixels, labels, Attack(epsilon, 10, epsilon / 4), generator())
        losses.append(nn.functional.cross_entropy(network(found), labels).item())
    assert losses == sorted(losses)


def test_parameters_and_their_gradients_are_left_alone():
    network = linear()
    network.weight.grad = torch.full_like(network.weight, 7.0)
    data = ImageSet(drawn(1, 9, 2, 3, 2), torch.arange(9) % 2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.train()
    evaluate_attacked(network, data, INFO, SCALE, Attack(0.1, 3, 0.05), seed=0, batch_size=4)
    assert network.training
    assert every(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(network.weight.grad, torch.full_like(network.weight, 7.0))
    assert network.bias.grad is None


def test_the_seed_fixes_the_result():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).eval()
    data = ImageSet(drawn(1, 300, 2, 3, 2), torch.arange(300) % 2)

    def accuracy(seed):
        return evaluate_attacked(network, data, INFO, SCALE, Attack(0.02, 1, 1e-4), seed=seed).accuracy

    assert accuracy(0) == accuracy(0)
    assert len({accuracy(seed) for seed in range(5)}) > 1


def test_success_counts_the_targets_reached():
    network = linear()
    data = ImageSet(SCALE.apply(16 * drawn(1, 30, 2, 3, 2)), torch.arange(30) % 2)
    strong = evaluate_attacked(network, data, INFO, SCALE, Attack(1.0, 10, 0.5, targeted=True), seed=0)
    assert (strong.accuracy, strong.success) == (0.0, 1.0)
    # of two classes, what is not right is the target
    weak = evaluate_attacked(network, data, INFO, SCALE, Attack(1e-4, 2, 1e-4, targeted=True), seed=0)
    assert weak.accuracy + weak.success == pytest.approx(1.0)


def test_targets_are_wrong_classes_evenly_drawn():
    labels = torch.arange(4).repeat(3000)
    targets = draw_targets(labels, 4, generator())
    counts = torch.bincount(labels * 4 + targets, minlength=16).view(4, 4)
    assert counts.diagonal().sum() == 0
    assert counts.sum() == 12_000
    assert counts[~torch.eye(4, dtype=torch.bool)].min() > 850


def test_pixels_come_back_from_bytes_and_from_floats():
    raw = torch.randint(0, 17, (6, 2, 3, 2), dtype=torch.uint8, generator=generator())
    labels = torch.zeros(6, dtype=torch.int64)
    for data in (ImageSet(raw, labels, SCALE), ImageSet(SCALE.apply(raw), labels)):
        pixels = pixels_of(data.inputs(slice(None)), SCALE, 16.0)
        assert torch.allclose(pixels, raw / 16, atol=1e-6)


@pytest.mark.parametrize(
    "numbers", [(0.0, 1, 0.1), (-0.1, 1, 0.1), (math.nan, 1, 0.1), (math.inf, 1, 0.1), (0.1, 0, 0.1), (0.1, 1, 0.0)]
)
def test_attacks_that_are_none_are_refused(numbers):
    with pytest.raises(ValueError, match="must be a positive number"):
        Attack(*numbers)


def test_no_examples_are_refused():
    empty = ImageSet(torch.zeros(0, 2, 3, 2), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"^data:"):
        evaluate_attacked(linear(), empty, INFO, SCALE, Attack(0.1, 1, 0.1), seed=0)
