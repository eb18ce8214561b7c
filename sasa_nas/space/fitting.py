"""What cannot be built: operators that a width cannot hold, and options that a kind of block does not have."""

from collections.abc import Iterator, Sequence

from sasa_nas.operators import Misfit
from sasa_nas.operators.conv import Conv
from sasa_nas.space.stage import Block, Stage, out_channels

_OPTIONS: dict[str, tuple[Block, ...]] = {
    "replaces": ("basic", "preactivation"),
    "expansion": ("bottleneck", "inverted", "san"),
    "depthwise_size": ("inverted",),
}
"""The fields of a stage that mean something in some blocks only."""

PARAMETER_FREE_BLOCKS: tuple[Block, ...] = ("bottleneck", "basic", "preactivation")
"""Blocks whose shortcut can do without parameters."""


def check_stage(stage: Stage, block: Block) -> None:
    """Checks what can be known of a stage by itself.

    Raises:
        Misfit: If the operator does not fit the width, or an option is set that such blocks do not have; it names
            the field, as `operator.num_heads`.
    """
    for field, blocks in _OPTIONS.items():
        value = getattr(stage, field)
        if block not in blocks and value != Stage.model_fields[field].default:
            raise Misfit(
                field, f"{field}={value} has no meaning in {block} blocks, only in {' and '.join(blocks)} ones"
            )
    if block != "inverted":
        _check_operator(stage, stage.width)
    elif stage.expansion == 1 and stage.operator != Conv(kernel_size=1):
        raise Misfit(
            "operator",
            "with expansion=1 there is no expansion that an operator could be: write {kind: conv, kernel_size: 1}",
        )


def check_stages(stages: Sequence[Stage], block: Block, *, in_channels: int, parameter_free_shortcut: bool) -> None:
    """Checks stages one after the other, as `check_stage`, and what follows from their order.

    Args:
        stages: In the order of the forward pass.
        block: Their blocks.
        in_channels: Channels of the first stage's input.
        parameter_free_shortcut: Whether shortcuts pad channels rather than project them.

    Raises:
        Misfit: With the field's whole path, as `stages[2].operator.num_heads`.
    """
    if parameter_free_shortcut and block not in PARAMETER_FREE_BLOCKS:
        raise Misfit("shortcut", f"shortcut=parameter_free has no meaning in {block} blocks")
    for i, stage in enumerate(stages):
        try:
            check_stage(stage, block)
            for width in _expanded_widths(stage, block, in_channels):
                _check_operator(stage, width)
            if parameter_free_shortcut and out_channels(stage, block) < in_channels:
                raise Misfit(
                    "width",
                    f"width={stage.width} puts out fewer channels than the {in_channels} before, "
                    "which shortcut=parameter_free cannot",
                )
        except Misfit as misfit:
            raise Misfit(f"stages[{i}].{misfit.field}", str(misfit)) from misfit
        in_channels = out_channels(stage, block)


def _expanded_widths(stage: Stage, block: Block, in_channels: int) -> Iterator[int]:
    """Channels that an inverted stage's operators put out: of the first block, and of the others."""
    if block == "inverted" and stage.expansion > 1:
        yield in_channels * stage.expansion
        if stage.blocks > 1:
            yield stage.width * stage.expansion


def _check_operator(stage: Stage, width: int) -> None:
    try:
        stage.operator.check_width(width)
    except Misfit as misfit:
        raise Misfit(f"operator.{misfit.field}", str(misfit)) from misfit
