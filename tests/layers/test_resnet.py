import pytest
import torch
from layer_oracles import SIZES, activated, assert_gradients_reach, image, pointwise, scrambled
from torch import Tensor, nn

from sasa_nas.layers.norm_activation import ConvNormActivation
from sasa_nas.layers.resnet import ResNet, stage_indices


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


def test_what_does_not_fit_is_named() -> None:
    network = build(head=False)
    with pytest.raises(ValueError, match=r"must have one number for each of 1 stages"):
        ResNet(network.stem, network.stages[:1], 6, 5, in_chans=3, stage_channels=(4, 6), stage_reductions=(1, 1))
    with pytest.raises(ValueError, match=r"global_pool must be one of \('avg', 'max', ''\), got 'median'"):
        network.reset_classifier(5, "median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without a pool there is no classifier: num_classes must be 0, got 5"):
        network.reset_classifier(5, "")
    with pytest.raises(ValueError, match="output_fmt must be NCHW, got NHWC"):
        network.forward_intermediates(image(1, 3, 2, 2), output_fmt="NHWC")


@pytest.mark.parametrize(
    ("indices", "expected"), [(None, [0, 1, 2]), (2, [1, 2]), ([0, -1], [0, 2]), ((1,), [1]), (3, [0, 1, 2])]
)
def test_stages_are_counted_from_both_ends(indices: int | list[int] | None, expected: list[int]) -> None:
    assert stage_indices(3, indices) == expected


@pytest.mark.parametrize("indices", [4, 0, -1, [], [3], [0, -4]])
def test_stages_that_there_are_not_are_named(indices: int | list[int]) -> None:
    with pytest.raises(ValueError, match="must name some of 3 stages"):
        stage_indices(3, indices)


def test_a_new_classifier_has_the_type_of_the_network() -> None:
    network = build(head=False)
    network.reset_classifier(2)
    assert network.get_classifier().weight.dtype == torch.float64
    assert network(image(1, 3, 2, 2)).shape == (1, 2)
