"""Training of a part of a network, the rest of which keeps its weights."""

from typing import Literal, TypeAlias

from torch import nn

from sasa_nas.errors import UserError
from sasa_nas.layers.resnet import ResNet

Frozen: TypeAlias = int | Literal["backbone"]
"""Parts of a network that keep their weights: none (0), the stem and so many stages, or all but the classifier."""


def freeze(network: ResNet, frozen: Frozen) -> None:
    """Exclude parts of a network from training.

    Args:
        network: The network, changed in place.
        frozen: The parts.

    Raises:
        UserError: If the network has fewer stages.
    """
    if frozen == 0:
        return
    if frozen == "backbone":
        parts = [part for name, part in network.named_children() if name != "classifier"]
    else:
        stages = list(network.stages)
        if frozen > len(stages):
            raise UserError(f"the network has {len(stages)} stages, and {frozen} cannot be frozen")
        parts = [network.stem, *stages[:frozen]]
    for part in parts:
        part.requires_grad_(False)


def set_training_mode(model: nn.Module) -> None:
    """Set a model to training mode, but for modules of whose parameters none is trained.

    Those stay in evaluation mode: their batch norms keep their statistics, and nothing is dropped.
    """
    model.train()
    _keep_frozen(model)


def _keep_frozen(module: nn.Module) -> None:
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        module.eval()
        return
    for child in module.children():
        _keep_frozen(child)
