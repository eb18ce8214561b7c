"""Training of shared weights: the gradient, resuming, and that what is worse is judged worse."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from assertions import every
from torch import nn
from toy_supernets import CONV, LOCAL, POINT, images, toy_proxies, toy_splits

from sasa_nas.data.splits import SearchSplits
from sasa_nas.models import build
from sasa_nas.supernet.cover import Proxies, cover
from sasa_nas.supernet.judging import PathJudge
from sasa_nas.supernet.paths import judged_designs
from sasa_nas.supernet.training import SupernetTrainer

CPU = torch.device("cpu")


def trainer(proxies: Proxies, splits: SearchSplits, *, seed: int = 0, **recipe: float) -> SupernetTrainer:
    changed = proxies.space.proxy.recipe.model_copy(update=recipe)
    return SupernetTrainer(proxies, cover(proxies), splits, changed, seed=seed, device=CPU)


def test_an_update_has_the_mean_gradient_of_its_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = toy_proxies()
    made = trainer(proxies, toy_splits(8), epochs=1)
    designs = judged_designs(proxies, 9)[:2]
    monkeypatch.setattr("sasa_nas.supernet.paths.FairPaths.together", lambda self: designs)
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", lambda *_: None)
    alone = [build(design) for design in designs]
    for network, design in zip(alone, designs, strict=True):
        network.load_state_dict(copy.deepcopy(made.model.path(design).state_dict()))
    made.run_epoch()
    (batch,) = made.batches.epoch(0)
    losses = [F.cross_entropy(network(batch[0]), batch[1]) for network in alone]
    for loss in losses:
        loss.backward()
    expected: dict[nn.Parameter, torch.Tensor] = {}
    for network, design in zip(alone, designs, strict=True):
        for (name, own), shared in zip(network.named_parameters(), made.model.path(design).parameters(), strict=True):
            assert own.grad is not None, name
            expected[shared] = expected.get(shared, 0.0) + own.grad / 2
    # the designs share the stem, a stage and the classifier
    assert len(expected) < sum(len(list(network.parameters())) for network in alone)
    for shared, gradient in expected.items():
        torch.testing.assert_close(shared.grad, gradient, rtol=1e-4, atol=1e-6)
    assert {parameter for parameter in made.model.parameters() if parameter.grad is not None} == set(expected)


def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit() -> None:
    proxies, splits = toy_proxies([CONV, POINT, LOCAL], [CONV, LOCAL]), toy_splits()
    whole = trainer(proxies, splits, epochs=3)
    losses = [metrics.train_loss for metrics in whole.epochs()]
    first = trainer(proxies, splits, epochs=3)
    first.run_epoch()
    content = io.BytesIO()
    torch.save(first.state_dict(), content)
    content.seek(0)
    second = trainer(proxies, splits, epochs=3)
    second.load_state_dict(torch.load(content, weights_only=True))
    assert [metrics.train_loss for metrics in second.epochs()] == losses[1:]
    resumed = second.model.state_dict()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(resumed[name], tensor), name


def test_the_seed_decides_weights_and_paths() -> None:
    proxies, splits = toy_proxies(), toy_splits(16)
    one, same, other = (trainer(proxies, splits, seed=seed, epochs=1).run_epoch().train_loss for seed in (1, 1, 2))
    assert one == same != other


@pytest.fixture
def crippled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Window attention that lets nothing through."""
    from sasa_nas.operators.local_attention.layer import LocalAttention2d

    forward = LocalAttention2d.forward
    monkeypatch.setattr(LocalAttention2d, "forward", lambda self, x: 0.0 * forward(self, x))


@pytest.mark.usefixtures("crippled")
def test_paths_through_a_crippled_operator_rank_last() -> None:
    proxies, splits = toy_proxies([CONV, LOCAL], [CONV, LOCAL]), toy_splits(48)
    made = trainer(proxies, splits, epochs=8, learning_rate=0.02)
    list(made.epochs())
    judge = PathJudge(splits.train, splits.validation, batch_size=8, seed=0)
    losses = {
        tuple(stage.operator.kind for stage in design.stages): judge.judge(made.model.path(design)).loss
        for design in judged_designs(proxies, 4)
    }
    assert len(losses) == 4
    assert min(losses, key=losses.__getitem__) == ("conv", "conv")
    assert max(losses, key=losses.__getitem__) == ("local_attention", "local_attention")


def test_a_judgement_does_not_depend_on_others_and_leaves_weights_alone() -> None:
    proxies, splits = toy_proxies(), toy_splits()
    made = trainer(proxies, splits, epochs=1)
    made.run_epoch()
    before = {name: tensor.clone() for name, tensor in made.model.named_parameters()}
    judge = PathJudge(splits.train, splits.validation, batch_size=8, seed=0)
    designs = judged_designs(proxies, 4)
    forth = [judge.judge(made.model.path(design)) for design in designs]
    back = [judge.judge(made.model.path(design)) for design in reversed(designs)]
    assert forth == back[::-1]
    assert len({result.loss for result in forth}) == 4
    assert every(torch.equal(before[name], tensor) for name, tensor in made.model.named_parameters())


def test_recalibrated_statistics_are_the_means_over_the_batches() -> None:
    train = images(24, 3)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.9))
    network[1].running_mean.fill_(7.0)
    judge = PathJudge(train, train, batch_size=8, seed=0)
    judge.recalibrate(network)
    assert network.training
    assert network[1].momentum == 0.1
    with torch.no_grad():
        maps = network[0](train.images)
    # batches of one size: the mean of their means is that of all images
    torch.testing.assert_close(network[1].running_mean, maps.mean((0, 2, 3)))
    spread = maps.var((0, 2, 3))
    assert ((network[1].running_var - spread).abs() < 0.1 * spread).all()
