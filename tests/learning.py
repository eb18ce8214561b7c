"""Whether a network learns: every parameter has a gradient, and it moves something."""

import torch
from torch import Tensor, nn

from sasa_nas.models import build
from sasa_nas.space import Architecture


def images_for(architecture: Architecture, batch: int = 3) -> Tensor:
    image = architecture.image
    return torch.randn(batch, image.channels, image.height, image.width, generator=torch.Generator().manual_seed(1))


def without_effect(architecture: Architecture) -> tuple[str, ...]:
    """Ends of the names of parameters whose gradient is zero by construction: they shift all logits of a softmax."""
    ends: tuple[str, ...] = ()
    for stage in architecture.stages:
        if stage.operator.kind == "pairwise":
            ends += ("position.bias", f"mapping.{3 * stage.operator.mapping_layers - 1}.bias")
        if stage.operator.kind == "global_attention":
            ends += ("attention.key.bias",)
    return ends


def assert_learns(architecture: Architecture) -> None:
    torch.manual_seed(0)
    network = build(architecture).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # spread, lest a ReLU behind them is shut or open for all
            nn.init.uniform_(module.bias, -0.2, 0.6)
    logits = network(images_for(architecture))
    assert logits.shape == (3, architecture.num_classes)
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
    still = without_effect(architecture)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith(still):
            assert parameter.grad.abs().max() > 0, name
