"""Networks of other widths than a space's: each width changed in steps that the network's parts allow."""

import functools
import math
from collections.abc import Callable, Sequence
from functools import partial

from pydantic import ValidationError

from sasa_nas.blocks import BLOCKS, Stage
from sasa_nas.blocks.base import check_operator
from sasa_nas.nodes import Misfit
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.fitting import check_stage
from sasa_nas.space.scaling import changed


def widths_of(network: Architecture) -> tuple[int, ...]:
    """Return the widths of a network's parts: of its stem, of each stage, and of its head if it has one."""
    head = () if network.head_width is None else (network.head_width,)
    return (network.stem.width, *(stage.width for stage in network.stages), *head)


def with_widths(network: Architecture, widths: Sequence[int]) -> Architecture:
    """Return a network with other widths of its parts, in the order of `widths_of`; all else stays.

    Raises:
        pydantic.ValidationError: If a part does not fit its width.
    """
    stem, stages = widths[0], widths[1 : 1 + len(network.stages)]
    return changed(
        network,
        {
            "stem": changed(network.stem, {"width": stem}),
            "stages": tuple(
                changed(stage, {"width": width}) for stage, width in zip(network.stages, stages, strict=True)
            ),
            "head_width": None if network.head_width is None else widths[-1],
        },
    )


def multiplied_widths(network: Architecture, multiplier: float) -> tuple[int, ...]:
    """Return the widths of a network's parts, each multiplied and rounded to the nearest that the part allows."""
    return tuple(
        max(width + step * math.floor(width * (multiplier - 1.0) / step + 0.5), width % step or step)
        for width, step in zip(widths_of(network), width_steps(network), strict=True)
    )


def widened(network: Architecture, multiplier: float) -> Architecture:
    """Return a network with all widths multiplied, as finely as its parts allow.

    Args:
        network: The network.
        multiplier: Factor of all widths; below 1, the network gets thinner.

    Raises:
        pydantic.ValidationError: If the parts of other widths do not fit together.
    """
    return with_widths(network, multiplied_widths(network, multiplier))


@functools.lru_cache(maxsize=1024)
def width_steps(network: Architecture) -> tuple[int, ...]:
    """Return the least step by which the width of each part can change, in the order of `widths_of`.

    It is 1 for convolutions; heads, and groups of channels that share a weight, must divide a width.
    """
    stem = _step(network.stem.width, partial(_stem_fits, network))
    stages = [_step(stage.width, partial(_stage_fits, network, place)) for place, stage in enumerate(network.stages)]
    return (stem, *stages, *(() if network.head_width is None else (1,)))


def _step(width: int, fits: Callable[[int], bool]) -> int:
    """Return the least step from a width to another that fits; one as large as the width fits what the width fits."""
    return next((step for step in range(1, width) if fits(width + step)), width)


def _stem_fits(network: Architecture, width: int) -> bool:
    try:
        changed(network.stem, {"width": width})
    except ValidationError:
        return False
    return _input_fits(network, 0, width)


def _stage_fits(network: Architecture, place: int, width: int) -> bool:
    stage = network.stages[place].model_copy(update={"width": width})
    try:
        check_stage(stage, network.block)
    except Misfit:
        return False
    if not _hidden_fits(network, stage, width):
        return False
    return _input_fits(network, place + 1, BLOCKS[network.block].out_channels(stage))


def _input_fits(network: Architecture, place: int, channels: int) -> bool:
    """Return whether a stage's operators fit channels before it; True behind the last stage."""
    return place == len(network.stages) or _hidden_fits(network, network.stages[place], channels)


def _hidden_fits(network: Architecture, stage: Stage, in_channels: int) -> bool:
    try:
        for width in BLOCKS[network.block].hidden_widths(stage, in_channels):
            check_operator(stage, width)
    except Misfit:
        return False
    return True
