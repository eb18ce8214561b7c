"""Pairwise layers by the fused operator and by their modules: running statistics, training, compilers and exports."""

import copy

import pytest
import torch
from torch import Tensor, nn

from sasa_nas.layers.mapping import mapping_gamma, mapping_layers, update_running_statistics
from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.ops.mapping.naive import apply_mapping


def image(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def twins(**arguments: object) -> tuple[PairwiseAttention2d, PairwiseAttention2d]:
    """A fused layer and one that calls its mapping."""
    torch.manual_seed(0)
    fused = PairwiseAttention2d(6, 16, kernel_size=3, **arguments)
    plain = copy.deepcopy(fused)
    plain.fused = False
    return fused, plain


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
@pytest.mark.parametrize("tracked", [True, False])
def test_running_statistics_are_those_of_batch_norm(momentum: float | None, tracked: bool) -> None:
    layers = twins()
    for layer in layers:
        for norm in layer.mapping:
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum, norm.track_running_stats = momentum, tracked
    for step in range(3):
        for layer in layers:
            layer(image(2, 6, 5, 4, seed=step))
    for name, ours in layers[0].state_dict().items():
        torch.testing.assert_close(ours, layers[1].state_dict()[name], rtol=1e-4, atol=1e-6)
    outs = [layer.eval()(image(2, 6, 5, 4)) for layer in layers]
    torch.testing.assert_close(*outs, rtol=1e-4, atol=1e-5)


def test_norms_without_running_statistics_use_the_batchs_in_evaluation_too() -> None:
    layers = twins()
    for layer in layers:
        layer.mapping[0] = nn.BatchNorm2d(layer.mapping[0].num_features, track_running_stats=False)
    outs = [layer.eval()(image(2, 6, 5, 4)) for layer in layers]
    torch.testing.assert_close(*outs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_the_plain_mapping_is_that_of_its_modules(training: bool) -> None:
    gamma = mapping_gamma(4, 5, 3, layers=3).double().train(training)
    other = copy.deepcopy(gamma)
    related = image(2, 4, 9, 6).double()
    layers = mapping_layers(gamma)
    assert layers is not None
    out, statistics = apply_mapping(related, layers)
    update_running_statistics(gamma, statistics)
    torch.testing.assert_close(out, other(related))
    torch.testing.assert_close(dict(gamma.state_dict()), dict(other.state_dict()))


def test_other_modules_are_called() -> None:
    gamma = mapping_gamma(4, 5, 3, layers=2)
    assert mapping_layers(nn.Sequential(nn.SyncBatchNorm(4), *gamma[1:])) is None
    assert mapping_layers(nn.Sequential(*gamma, nn.ReLU())) is None
    assert mapping_layers(nn.Sequential(nn.BatchNorm2d(4, affine=False), *gamma[1:])) is None


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        PairwiseAttention2d(3, 16, kernel_size=3),
        PairwiseAttention2d(16, 16, kernel_size=5, relation="hadamard", stride=2),
    ]
    return nn.Sequential(layers[0], nn.BatchNorm2d(16), nn.ReLU(), layers[1], nn.Flatten(), nn.LazyLinear(4))


def test_fifty_steps_of_training_go_the_same_way() -> None:
    images, labels = image(8, 3, 6, 6), torch.arange(8) % 4
    fused = network()
    fused(images)
    # single precision by modules drifts further from it than by the fused operator
    exact = copy.deepcopy(fused).double()
    for layer in exact:
        if isinstance(layer, PairwiseAttention2d):
            layer.fused = False
    losses = []
    for model in (fused, exact):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.5)
        losses.append([])
        for _ in range(50):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images.to(model[-1].weight.dtype)), labels)
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0][-1] < 0.9 * losses[0][0]
    torch.testing.assert_close(torch.tensor(losses[0]), torch.tensor(losses[1]), rtol=1e-4, atol=0)


def test_compiles_as_one_graph_and_trains() -> None:
    layer, _ = twins()
    compiled = torch.compile(copy.deepcopy(layer), fullgraph=True, backend="aot_eager")
    x = image(2, 6, 5, 4)
    for model in (layer, compiled):
        model(x).square().sum().backward()
    for ours, theirs in zip(compiled.parameters(), layer.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(dict(compiled._orig_mod.state_dict()), dict(layer.state_dict()))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_autocast_and_double(layers: int) -> None:
    fused, plain = twins(mapping_layers=layers)
    x = image(2, 6, 5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, theirs = fused(x), plain(x)
    assert ours.dtype == theirs.dtype == torch.bfloat16
    torch.testing.assert_close(ours, theirs, rtol=0.1, atol=0.1)
    torch.testing.assert_close(fused.double()(x.double()), plain.double()(x.double()), rtol=1e-10, atol=1e-12)


def test_an_empty_batch_and_a_single_value() -> None:
    fused, plain = twins()
    for layer in (fused, plain):
        assert layer(image(0, 6, 5, 4)).shape == (0, 16, 5, 4)
        assert layer.eval()(image(0, 6, 5, 4)).shape == (0, 16, 5, 4)
    torch.testing.assert_close(dict(fused.state_dict()), dict(plain.state_dict()))
    one = PairwiseAttention2d(6, 16, kernel_size=1)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        one(image(1, 6, 1, 1))
