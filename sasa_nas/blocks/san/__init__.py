"""SAN blocks: batch norm, ReLU, operator, batch norm, ReLU, 1x1 to `expansion` times the width (Zhao et al. 2020)."""

from dataclasses import dataclass, field

from sasa_nas.blocks.base import Block
from sasa_nas.blocks.plans import NormPlan, Plan, Size
from sasa_nas.blocks.registry import register_block
from sasa_nas.blocks.stage import Stage
from sasa_nas.nodes import Reference


@dataclass(frozen=True)
class TransitionPlan(Plan):
    """Plan of the beginning of a stage: a max pool of the stride, and a 1x1 convolution."""

    builder: Reference = field(kw_only=True, default="sasa_nas.blocks.san.building:build_transition")


@register_block
class SanBlock(Block):
    """Blocks of self-attention networks."""

    name = "san"
    builder = "sasa_nas.blocks.san.building:build"
    options = frozenset({"expansion"})

    def out_channels(self, stage: Stage) -> int:
        """Return `expansion` times the width."""
        return stage.width * stage.expansion

    def plan_stage(
        self, stage: Stage, in_channels: int, size: Size, *, parameter_free_shortcut: bool
    ) -> tuple[Plan, ...]:
        """Return a transition with the stride, blocks without one, and batch norm with ReLU."""
        channels = self.out_channels(stage)
        transition = TransitionPlan(in_channels, channels, size, stage.stride)
        size = transition.out_size
        flat = stage.model_copy(update={"stride": 1})
        blocks = super().plan_stage(flat, channels, size, parameter_free_shortcut=parameter_free_shortcut)
        return (transition, *blocks, NormPlan(channels, channels, size, stride=1))
