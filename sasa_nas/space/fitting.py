"""Checks of stages: operators that fit a width, and options that a kind of block has."""

import functools
from collections.abc import Sequence

from sasa_nas.blocks import BLOCKS, Stage
from sasa_nas.blocks.base import check_operator
from sasa_nas.nodes import Misfit


def block_options() -> tuple[str, ...]:
    """Return the fields of a stage that apply to some kinds of blocks only, in the stage's order."""
    return _options(tuple(BLOCKS))


@functools.lru_cache(maxsize=8)
def _options(blocks: tuple[str, ...]) -> tuple[str, ...]:
    found = {option for name in blocks for option in BLOCKS[name].options}
    return tuple(name for name in Stage.model_fields if name in found)


@functools.lru_cache(maxsize=16)
def _meaningless(block: str, blocks: tuple[str, ...]) -> dict[str, object]:
    """Return the defaults of the fields of a stage that have a meaning in other kinds of blocks alone."""
    fields = Stage.model_fields
    return {name: fields[name].default for name in _options(blocks) if name not in BLOCKS[block].options}


def check_stage(stage: Stage, block: str) -> None:
    """Check a stage by itself.

    Args:
        stage: The stage.
        block: Kind of its blocks.

    Raises:
        Misfit: If the operator does not fit the width, or an option is set that such blocks do not have; the error
            names the field, as `operator.num_heads`.
    """
    for field, default in _meaningless(block, tuple(BLOCKS)).items():
        value = getattr(stage, field)
        if value != default:
            having = " and ".join(name for name, one in BLOCKS.items() if field in one.options)
            raise Misfit(field, f"{field}={value} has no meaning in {block} blocks, only in {having} ones")
    BLOCKS[block].check(stage)


def check_stages(stages: Sequence[Stage], block: str, *, in_channels: int, parameter_free_shortcut: bool) -> None:
    """Check each of several stages by `check_stage`, and their sequence.

    Args:
        stages: The stages, in the order of the forward pass.
        block: Kind of their blocks.
        in_channels: Channels of the first stage's input.
        parameter_free_shortcut: Whether shortcuts pad channels rather than project them.

    Raises:
        Misfit: If they do not fit; the error has the field's whole path, as `stages[2].operator.num_heads`.
    """
    kind = BLOCKS[block]
    if parameter_free_shortcut and not kind.parameter_free_shortcut:
        raise Misfit("shortcut", f"shortcut=parameter_free has no meaning in {block} blocks")
    for i, stage in enumerate(stages):
        try:
            check_stage(stage, block)
            for width in kind.hidden_widths(stage, in_channels):
                check_operator(stage, width)
            if parameter_free_shortcut and kind.out_channels(stage) < in_channels:
                raise Misfit(
                    "width",
                    f"width={stage.width} puts out fewer channels than the {in_channels} before, "
                    "which shortcut=parameter_free cannot",
                )
        except Misfit as misfit:
            raise Misfit(f"stages[{i}].{misfit.field}", str(misfit)) from misfit
        in_channels = kind.out_channels(stage)
