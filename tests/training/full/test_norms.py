"""The share of running statistics that is kept."""

import pytest
import torch
from networks import convolutions

from sasa_nas.training.full.norms import set_norm_decay


def test_statistics_keep_the_share_told() -> None:
    model = convolutions()
    set_norm_decay(model, 0.75)
    maps = torch.randn(8, 4, 3, 3, dtype=torch.float64)
    model[1](maps)
    torch.testing.assert_close(model[1].running_mean, 0.25 * maps.mean((0, 2, 3)))
    torch.testing.assert_close(model[1].running_var, 0.75 + 0.25 * maps.transpose(0, 1).flatten(1).var(1))


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_other_shares_are_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay must be"):
        set_norm_decay(convolutions(), decay)
