import pytest
import torch
from layer_oracles import image, mapping, parameter_count, scrambled
from torch import nn

from sasa_nas.layers.mapping import check_san_widths, mapping_gamma


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_agrees_with_loops(layers: int, training: bool) -> None:
    gamma = scrambled(mapping_gamma(3, 5, 2, layers=layers)).train(training)
    x = image(2, 3, 2, 3)
    torch.testing.assert_close(gamma(x), mapping(gamma, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "parameters"),
    [(1, 6 + 3 * 2 + 2), (2, 6 + 3 * 5 + 10 + 5 * 2 + 2), (3, 6 + 3 * 5 + 10 + 5 * 5 + 10 + 5 * 2 + 2)],
)
def test_only_the_last_layer_has_a_bias(layers: int, parameters: int) -> None:
    gamma = mapping_gamma(3, 5, 2, layers=layers)
    biases = [module.bias is not None for module in gamma if isinstance(module, nn.Conv2d)]
    assert biases == [False] * (layers - 1) + [True]
    assert parameter_count(gamma) == parameters


def test_bad_arguments_are_named() -> None:
    check_san_widths(16, 0.25, 8)
    with pytest.raises(ValueError, match="mapping_layers"):
        mapping_gamma(3, 5, 2, layers=0)
    with pytest.raises(ValueError, match="share_channels=5"):
        check_san_widths(16, 0.25, 5)
    with pytest.raises(ValueError, match="key_ratio"):
        check_san_widths(16, -1.0, 8)
