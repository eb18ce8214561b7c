"""The base of the descriptions of residual blocks."""

from collections.abc import Iterator
from typing import ClassVar

from sasa_nas.blocks.plans import BlockPlan, NormPlan, Plan, Size, StageAttentionPlan
from sasa_nas.blocks.stage import Stage
from sasa_nas.nodes import Misfit, Reference


class Block:
    """Base of the kinds of residual blocks; all blocks of a network are of one kind.

    A kind is a class derived from this one and registered with `register_block`.

    Attributes:
        name: Name of the kind.
        builder: Function of a `BlockPlan` that returns the module, as `module:name`.
        options: Fields of a stage that apply to such blocks, of those that do not apply to all.
        parameter_free_shortcut: Whether shortcuts without parameters are possible.
        activated: Whether every block ends with an activation, so that its output can be read as features.
    """

    name: ClassVar[str]
    builder: ClassVar[Reference]
    options: ClassVar[frozenset[str]] = frozenset()
    parameter_free_shortcut: ClassVar[bool] = False
    activated: ClassVar[bool] = False

    def out_channels(self, stage: Stage) -> int:
        """Return the output channels of a stage; by default its width."""
        return stage.width

    def check(self, stage: Stage) -> None:
        """Check a stage by itself; by default that its operator fits its width.

        Raises:
            Misfit: If it cannot be built; the error names the field, as `operator.num_heads`.
        """
        check_operator(stage, stage.width)

    def hidden_widths(self, stage: Stage, in_channels: int) -> Iterator[int]:
        """Yield widths of a stage's operators that depend on the channels before it; by default none."""
        yield from ()

    def plan_stage(
        self, stage: Stage, in_channels: int, size: Size, *, parameter_free_shortcut: bool
    ) -> tuple[Plan, ...]:
        """Return the parts of a stage: blocks, the first with the stride, and channel attention after them.

        Args:
            stage: The stage.
            in_channels: Channels of its input.
            size: Height and width of its input.
            parameter_free_shortcut: Whether shortcuts pad channels rather than project them.
        """
        channels, attention = self.out_channels(stage), stage.channel_attention
        after = attention if attention is not None and attention.after_stage else None
        parts: list[Plan] = []
        for i in range(stage.blocks):
            parts.append(
                BlockPlan(
                    # not of the instance, which would bind a function
                    builder=type(self).builder,
                    operator=stage.operator,
                    replaces=stage.replaces,
                    expansion=stage.expansion,
                    depthwise_size=stage.depthwise_size,
                    channel_attention=attention if after is None else None,
                    parameter_free_shortcut=parameter_free_shortcut,
                    width=stage.width,
                    in_channels=in_channels,
                    out_channels=channels,
                    stride=stage.stride if i == 0 else 1,
                    size=size,
                )
            )
            in_channels, size = channels, parts[-1].out_size
        if after is not None:
            parts.append(StageAttentionPlan(channels, channels, size, stride=1, attention=after))
        return tuple(parts)

    def plan_end(self, channels: int, size: Size) -> tuple[NormPlan, ...]:
        """Return the parts after the last stage of a network; by default none."""
        return ()


def check_operator(stage: Stage, width: int) -> None:
    """Check that a stage's operator fits a width.

    Raises:
        Misfit: If it does not; the error names the field, as `operator.num_heads`.
    """
    try:
        stage.operator.check_width(width)
    except Misfit as misfit:
        raise Misfit(f"operator.{misfit.field}", str(misfit)) from misfit
