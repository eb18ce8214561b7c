"""Plan of a network: its parts in order, as shapes without modules."""

import operator
from dataclasses import dataclass
from itertools import accumulate

from sasa_nas.blocks import BLOCKS
from sasa_nas.blocks.plans import HeadPlan, Plan, Size, strided
from sasa_nas.space.architecture import Architecture
from sasa_nas.stems import Stem


@dataclass(frozen=True)
class NetworkPlan:
    """A network's parts between stem and classifier, in the order of the forward pass."""

    stages: tuple[tuple[Plan, ...], ...]
    head: tuple[Plan, ...]

    @property
    def last(self) -> Plan:
        """The last part, whose output is averaged and classified."""
        return (*self.stages[-1], *self.head)[-1]


def plan_network(architecture: Architecture) -> NetworkPlan:
    """Return the plan of `architecture`."""
    block, parameter_free = BLOCKS[architecture.block], architecture.shortcut == "parameter_free"
    channels = architecture.stem.width
    size = stem_output_size(architecture.stem, (architecture.image.height, architecture.image.width))
    stages: list[tuple[Plan, ...]] = []
    for stage in architecture.stages:
        stages.append(block.plan_stage(stage, channels, size, parameter_free_shortcut=parameter_free))
        channels, size = stages[-1][-1].out_channels, stages[-1][-1].out_size
    head: list[Plan] = [*block.plan_end(channels, size)]
    if architecture.head_width is not None:
        head.append(HeadPlan(channels, architecture.head_width, size, stride=1))
    return NetworkPlan(tuple(stages), tuple(head))


def stage_reductions(architecture: Architecture) -> tuple[int, ...]:
    """Return the pixels of the image per cell of each stage's output, in either direction."""
    strides = (stage.stride for stage in architecture.stages)
    return tuple(accumulate(strides, operator.mul, initial=architecture.stem.reduction))[1:]


def stem_output_size(stem: Stem, image: Size) -> Size:
    """Return height and width of a stem's output for an image of this height and width."""
    return strided(image, stem.reduction)
