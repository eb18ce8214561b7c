"""Averages of weights against timm's, and their state."""

import io

import pytest
import torch
from assertions import every
from networks import convolutions
from torch import nn

from sasa_nas.recipes import MovingAverage
from sasa_nas.training.full.averaging import AveragedModel


def train(model: nn.Sequential, step: int) -> None:
    """Change weights and running statistics."""
    generator = torch.Generator().manual_seed(step)
    model.train()
    model(torch.randn(8, 3, 2, 8, generator=generator, dtype=torch.float64).reshape(8, 3, 4, 4))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))


def test_it_is_timms() -> None:
    timm = pytest.importorskip("timm.utils")
    model = convolutions()
    own, other = AveragedModel(model, MovingAverage(decay=0.9)), timm.ModelEmaV3(model, decay=0.9)
    for step in range(1, 21):
        train(model, step)
        own.update(model, step)
        other.update(model)
    ours, theirs = own.model.state_dict(), other.module.state_dict()
    assert own.updates == 20
    assert ours["1.num_batches_tracked"] == 20
    assert not torch.equal(ours["1.running_var"], model.state_dict()["1.running_var"])
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-6, atol=1e-6)


def test_a_warmup_lets_the_first_weights_be_forgotten() -> None:
    model = convolutions()
    own = AveragedModel(model, MovingAverage(decay=0.75, warmup=True))
    mean = model[0].weight.detach().clone()
    for step in range(1, 41):
        train(model, step)
        own.update(model, step)
        decay = min(0.75, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * model[0].weight.detach()
    torch.testing.assert_close(own.model[0].weight, mean)


def test_it_is_updated_every_few_steps() -> None:
    model = convolutions()
    own = AveragedModel(model, MovingAverage(decay=0.5, every=3))
    seen = []
    for step in range(1, 8):
        train(model, step)
        own.update(model, step)
        seen.append(own.updates)
    assert seen == [0, 0, 1, 1, 1, 2, 2]


def test_a_resumed_average_goes_on_bit_for_bit() -> None:
    model = convolutions()
    own = AveragedModel(model, MovingAverage(decay=0.9, warmup=True))
    train(model, 1)
    own.update(model, 1)
    file = io.BytesIO()
    torch.save(own.state_dict(), file)
    file.seek(0)
    again = AveragedModel(convolutions(seed=1), MovingAverage(decay=0.9, warmup=True))
    again.load_state_dict(torch.load(file, weights_only=True))
    train(model, 2)
    for average in (own, again):
        average.update(model, 2)
    for name, value in own.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    assert again.updates == 2


def test_the_averaged_model_is_for_evaluation() -> None:
    model = convolutions()
    averaged = AveragedModel(model, MovingAverage()).model
    assert not averaged.training
    assert model.training
    assert not any(weight.requires_grad for weight in averaged.parameters())
    assert every(weight.requires_grad for weight in model.parameters())
