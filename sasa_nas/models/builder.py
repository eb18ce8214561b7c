"""Builder of a network from its `Architecture`."""

from collections.abc import Sequence

from torch import nn

from sasa_nas.blocks.building import build_part
from sasa_nas.layers.resnet import ResNet
from sasa_nas.models.plans import plan_network, stage_reductions
from sasa_nas.space.architecture import Architecture
from sasa_nas.stems.building import build_stem


class Network(ResNet):
    """A `ResNet` that knows the `architecture` it was built from."""

    architecture: Architecture


def build(architecture: Architecture) -> Network:
    """Build the network that `architecture` describes, initialised from torch's random state.

    Build it under `torch.device("meta")` for shapes without weights.

    Examples:
        >>> from sasa_nas.models import model_architecture
        >>> network = build(model_architecture("resnet18"))
        >>> sum(parameter.numel() for parameter in network.parameters())
        11689512
    """
    plan = plan_network(architecture)
    stem = build_stem(architecture.stem, architecture.image.channels)
    stages = [nn.Sequential(*map(build_part, stage)) for stage in plan.stages]
    head = nn.Sequential(*map(build_part, plan.head)) if plan.head else None
    return frame(architecture, stem, stages, head)


def frame(architecture: Architecture, stem: nn.Module, stages: Sequence[nn.Module], head: nn.Module | None) -> Network:
    """Return the network of parts that are built already, with a classifier freshly initialised.

    Args:
        architecture: The network's description.
        stem: Its stem.
        stages: Its stages.
        head: Its head; None if it has none.
    """
    plan = plan_network(architecture)
    network = Network(
        stem,
        stages,
        plan.last.out_channels,
        architecture.num_classes,
        in_chans=architecture.image.channels,
        stage_channels=[stage[-1].out_channels for stage in plan.stages],
        stage_reductions=stage_reductions(architecture),
        head=head,
    )
    network.architecture = architecture
    return network
