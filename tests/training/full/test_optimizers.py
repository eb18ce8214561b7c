"""Optimisers of recipes against timm's and torch's own, update by update."""

import copy
import io

import pytest
import torch
from networks import convolutions, gradients
from torch import nn

from sasa_nas.recipes import AdamW, Lamb, Sgd, load_recipe, preset_names
from sasa_nas.recipes.optimizers import Optimizer
from sasa_nas.training.full.optimizers import make_optimizer

STEPS = 20


def groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Groups written out: kernels and matrices decay; norms, biases and relative positions do not."""
    decayed = [model[0].weight, model[4].weight]  # type: ignore[index]
    others = [model.rel_height, model[1].weight, model[1].bias, model[4].bias]  # type: ignore[index]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def reference(model: nn.Module, optimizer: Optimizer) -> torch.optim.Optimizer:
    """The same optimiser by others, one tensor after the other."""
    parts = groups(model, optimizer.weight_decay)
    rate = optimizer.learning_rate
    match optimizer:
        case Sgd():
            return torch.optim.SGD(
                parts, lr=rate, momentum=optimizer.momentum, nesterov=optimizer.nesterov, foreach=False
            )
        case AdamW():
            return torch.optim.AdamW(parts, lr=rate, betas=optimizer.betas, eps=optimizer.epsilon, foreach=False)
        case Lamb():
            timm = pytest.importorskip("timm.optim")
            own: torch.optim.Optimizer = timm.Lamb(
                parts,
                lr=rate,
                betas=optimizer.betas,
                eps=optimizer.epsilon,
                max_grad_norm=optimizer.max_grad_norm,
                foreach=False,
            )
            return own


@pytest.mark.parametrize(
    "optimizer",
    [
        *(load_recipe(name).optimizer for name in ("ffcv_16", "rsb_a3", "sasa_130", "small_20")),
        Lamb(learning_rate=0.1, weight_decay=0.02, max_grad_norm=None),
    ],
    ids=repr,
)
def test_updates_are_those_of_the_reference(optimizer: Optimizer) -> None:
    model = convolutions()
    twin = copy.deepcopy(model)
    own, other = make_optimizer(model, optimizer), reference(twin, optimizer)
    for step in range(STEPS):
        for network, updates in ((model, own), (twin, other)):
            for group in updates.param_groups:
                group["lr"] = optimizer.learning_rate * (1 - step / STEPS)
            gradients(network, step)
            updates.step()
        for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", preset_names())
def test_weights_decay_and_others_do_not(name: str) -> None:
    model = convolutions()
    optimizer = load_recipe(name).optimizer
    made = make_optimizer(model, optimizer)
    wanted = groups(model, optimizer.weight_decay)
    for own, other in zip(made.param_groups, wanted, strict=True):
        assert {id(weight) for weight in own["params"]} == {id(weight) for weight in other["params"]}  # type: ignore[attr-defined]
        assert own["weight_decay"] == other["weight_decay"]
        assert own["lr"] == optimizer.learning_rate


def test_all_weights_decay_if_told() -> None:
    made = make_optimizer(convolutions(), Sgd(learning_rate=0.1, weight_decay=0.5, decay_all=True))
    assert [len(group["params"]) for group in made.param_groups] == [6, 0]


@pytest.mark.parametrize("name", ["ffcv_16", "rsb_a3", "small_20"])
def test_a_resumed_optimizer_goes_on_bit_for_bit(name: str) -> None:
    model = convolutions()
    own = make_optimizer(model, load_recipe(name).optimizer)
    for step in range(4):
        if step == 2:
            file = io.BytesIO()
            torch.save([model.state_dict(), own.state_dict()], file)
        gradients(model, step)
        own.step()
    file.seek(0)
    # without code: tensors and numbers alone
    weights, state = torch.load(file, weights_only=True)
    resumed = convolutions(seed=1)
    resumed.load_state_dict(weights)
    again = make_optimizer(resumed, load_recipe(name).optimizer)
    again.load_state_dict(state)
    for step in (2, 3):
        gradients(resumed, step)
        again.step()
    for ours, theirs in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_lamb_leaves_weights_without_gradients_as_they_are() -> None:
    model = convolutions()
    own = make_optimizer(model, Lamb(learning_rate=0.1, weight_decay=0.1))
    gradients(model, 0)
    model[0].weight.grad = None
    before = copy.deepcopy(model.state_dict())
    own.step()
    assert torch.equal(model[0].weight, before["0.weight"])
    assert not torch.equal(model[4].weight, before["4.weight"])
