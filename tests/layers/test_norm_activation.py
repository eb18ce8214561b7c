import pytest
import torch
from layer_oracles import SIZES, activated, assert_gradients_reach, awake, image, pointwise

from sasa_nas.layers.norm_activation import ConvNormActivation, NormActivation


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
def test_they_normalise_and_activate(training: bool) -> None:
    x = image(2, 3, 4, 3)
    alone = awake(NormActivation(3)).train(training)
    torch.testing.assert_close(alone(x), activated(alone[0], x))
    after = awake(ConvNormActivation(3, 5)).train(training)
    torch.testing.assert_close(after(x), activated(after[1], pointwise(after[0], x)))


def test_the_activation_overwrites_what_the_norm_wrote() -> None:
    norm_activation = NormActivation(3).double()
    written: list[int] = []
    norm_activation[0].register_forward_hook(lambda _, inputs, output: written.append(output.data_ptr()))
    x = image(2, 3, 4, 3)
    before = x.clone()
    assert norm_activation(x).data_ptr() == written[0]
    assert torch.equal(x, before)


def test_the_convolution_has_no_bias() -> None:
    assert [name for name, _ in ConvNormActivation(3, 5).named_parameters()] == ["0.weight", "1.weight", "1.bias"]


@pytest.mark.parametrize("size", SIZES)
def test_gradients_reach_every_parameter(size: tuple[int, int]) -> None:
    assert_gradients_reach(awake(NormActivation(3)), image(2, 3, *size))
    assert_gradients_reach(awake(ConvNormActivation(3, 5)), image(2, 3, *size))
