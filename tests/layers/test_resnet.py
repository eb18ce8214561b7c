import pytest
import torch
from layer_oracles import SIZES, activated, assert_gradients_reach, image, pointwise, scrambled
from torch import Tensor, nn

from sasa_nas.layers.norm_activation import ConvNormActivation
from sasa_nas.layers.resnet import ResNet


def build(*, head: bool) -> ResNet:
    return scrambled(
        ResNet(
            nn.Conv2d(3, 4, 1),
            [nn.Conv2d(4, 4, 1, bias=False), nn.Conv2d(4, 6, 1)],
            8 if head else 6,
            5,
            in_chans=3,
            stage_channels=(4, 6),
            stage_reductions=(1, 1),
            head=ConvNormActivation(6, 8) if head else None,
        )
    )


def by_hand(network: ResNet, images: Tensor) -> Tensor:
    maps = images
    for conv in (network.stem, *network.stages):
        assert isinstance(conv, nn.Conv2d)
        maps = pointwise(conv, maps)
    if isinstance(network.head, ConvNormActivation):
        maps = activated(network.head[1], pointwise(network.head[0], maps))
    mean = maps.sum((2, 3)) / maps[0, 0].numel()
    return mean @ network.classifier.weight.T + network.classifier.bias


@torch.no_grad()
@pytest.mark.parametrize("head", [False, True])
def test_runs_its_parts_in_order(head: bool) -> None:
    network = build(head=head)
    images = image(2, 3, 3, 4)
    torch.testing.assert_close(network(images), by_hand(network, images), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_gradients_reach_every_parameter(size: tuple[int, int], head: bool) -> None:
    assert_gradients_reach(build(head=head), image(2, 3, *size))


def test_weights_keep_their_names() -> None:
    assert list(build(head=False).state_dict()) == [
        "stem.weight",
        "stem.bias",
        "stages.0.weight",
        "stages.1.weight",
        "stages.1.bias",
        "classifier.weight",
        "classifier.bias",
    ]
