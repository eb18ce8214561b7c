"""Scaling of a full-size design to its proxy, and fitting of designs to images of any size."""

import functools
import math
from typing import Any, TypeVar

from sasa_nas.blocks import Stage
from sasa_nas.nodes import Node
from sasa_nas.space.architecture import Architecture, Image
from sasa_nas.space.proxy import Proxy
from sasa_nas.stems import Stem

Tree = TypeVar("Tree", bound=Node)

SMALL_IMAGE = 64
"""Images up to this side, in pixels, get a stem that keeps their resolution."""
SMALLEST_MAP = 2
"""Least side of the last map of a network for small images."""
WIDTH_MULTIPLE = 8
"""Divisor of scaled widths, so that the usual numbers of heads divide them."""


def proxy_of(architecture: Architecture, proxy: Proxy, image: Image, num_classes: int) -> Architecture:
    """Return the proxy of `architecture` that a search trains.

    Args:
        architecture: A full-size design.
        proxy: Multipliers of width and depth.
        image: Images of the proxy's data set.
        num_classes: Number of classes of the proxy's data set.

    Raises:
        pydantic.ValidationError: If an operator does not fit its scaled width.
    """
    small = _scaled_fields(architecture, proxy.width_multiplier, proxy.depth_multiplier)
    # checked once, as a whole: a search does this for every design that it draws
    return changed(
        architecture, small | _fitted_fields(architecture, small["stem"], small["stages"], image, num_classes)
    )


def scaled(architecture: Architecture, width_multiplier: float, depth_multiplier: float) -> Architecture:
    """Return `architecture` with every width and every stage's number of blocks multiplied and rounded.

    Raises:
        pydantic.ValidationError: If an operator does not fit its scaled width.
    """
    return changed(architecture, _scaled_fields(architecture, width_multiplier, depth_multiplier))


def _scaled_fields(architecture: Architecture, width_multiplier: float, depth_multiplier: float) -> dict[str, Any]:
    head = architecture.head_width
    return {
        "stem": scaled_stem(architecture.stem, width_multiplier),
        "stages": tuple(scaled_stage(stage, width_multiplier, depth_multiplier) for stage in architecture.stages),
        "head_width": None if head is None else scaled_width(head, width_multiplier),
    }


@functools.lru_cache(maxsize=1024)
def scaled_stem(stem: Stem, width_multiplier: float) -> Stem:
    """Return a stem with its width multiplied and rounded.

    Raises:
        pydantic.ValidationError: If its heads do not divide the scaled width.
    """
    return changed(stem, {"width": scaled_width(stem.width, width_multiplier)})


@functools.lru_cache(maxsize=16384)
def scaled_stage(stage: Stage, width_multiplier: float, depth_multiplier: float) -> Stage:
    """Return a stage with its width and number of blocks multiplied and rounded; see `check_stage` for its fit."""
    return changed(
        stage,
        {
            "blocks": max(1, math.floor(stage.blocks * depth_multiplier + 0.5)),
            "width": scaled_width(stage.width, width_multiplier),
            "operator": stage.operator.scaled(width_multiplier),
        },
    )


def scaled_width(width: int, multiplier: float) -> int:
    """Return the multiple of `WIDTH_MULTIPLE` nearest to `width * multiplier`, or `width` for a multiplier of 1."""
    if multiplier == 1.0:
        return width
    return max(1, math.floor(width * multiplier / WIDTH_MULTIPLE + 0.5)) * WIDTH_MULTIPLE


def fitted_to(architecture: Architecture, image: Image, num_classes: int) -> Architecture:
    """Return `architecture` for other images and classes.

    Small images are treated as in the ResNets for CIFAR (He et al. 2015, section 4.2): a 3x3 stem of
    stride 1 without a pool (an attention stem keeps its blocks and loses its pool), and only as many strided
    stages, the last ones, as leave a map of `SMALLEST_MAP` pixels or more; unless `small_images` is `keep`.
    """
    fields = _fitted_fields(architecture, architecture.stem, architecture.stages, image, num_classes)
    return changed(architecture, fields)


def _fitted_fields(
    architecture: Architecture, stem: Stem, stages: tuple[Stage, ...], image: Image, num_classes: int
) -> dict[str, Any]:
    side = min(image.height, image.width)
    if side <= SMALL_IMAGE and architecture.small_images == "adapt":
        stem = stem.for_small_image()
        stages = _with_halvings(stages, max(0, int(math.log2(side / SMALLEST_MAP))) if side >= SMALLEST_MAP else 0)
    return {"stem": stem, "stages": stages, "image": image, "num_classes": num_classes}


def changed(node: Tree, update: dict[str, object]) -> Tree:
    """Return a copy of `node` with some fields changed, validated as a whole."""
    fields = {name: getattr(node, name) for name in type(node).model_fields}
    return type(node).model_validate(fields | update)


def _with_halvings(stages: tuple[Stage, ...], most: int) -> tuple[Stage, ...]:
    """Keep the stride of the last `most` strided stages and remove it from those before."""
    strided = [i for i, stage in enumerate(stages) if stage.stride > 1]
    flattened = set(strided[: max(0, len(strided) - most)])
    return tuple(stage.model_copy(update={"stride": 1}) if i in flattened else stage for i, stage in enumerate(stages))
