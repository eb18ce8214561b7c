"""Attention maps of a network: the weights of chosen queries in its attention layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sasa_nas.analysis.attention_weights import Cell, attention_probe, attention_weights, footprint
from sasa_nas.errors import UserError
from sasa_nas.models import Network
from sasa_nas.operators.probe import AttentionProbe

DEFAULT_HEADS = 8
"""Most heads that are shown by default."""
MOST_HEADS = 16
MOST_ROWS = 32
"""Most rows of a figure."""

Pixel = tuple[int, int]
"""Row and column in the image that the network sees."""


@dataclass(frozen=True, eq=False)
class Place:
    """An attention layer and its position in the network.

    Attributes:
        stage: The stage's number, or the stem.
        block: Number among the stage's blocks; 0 in the stem.
        index: Number among the block's attention layers: the second 3x3 of a basic block is 1.
        operator: Kind of the layer's operator.
        layer: The module.
        probe: The adapter by which its attention weights are computed.
    """

    stage: int | Literal["stem"]
    block: int
    index: int
    operator: str
    layer: nn.Module
    probe: AttentionProbe

    @property
    def label(self) -> str:
        """Name of the place, as `stage 2, block 0`; with the layer's number unless it is the block's first."""
        if self.stage == "stem":
            return "stem"
        return f"stage {self.stage}, block {self.block}" + (f", layer {self.index}" if self.index else "")


@dataclass(frozen=True)
class Selection:
    """Selected queries, layers and heads.

    Attributes:
        pixels: The queries, in the image that the network sees; if empty, its centre.
        stage: One stage, or the stem; if None, all with attention.
        block: One of the stage's blocks; if None, the last.
        layer: One of the block's attention layers; if None, the last.
        heads: Numbers of heads; if None, the first ones, `DEFAULT_HEADS` at most.
    """

    pixels: tuple[Pixel, ...] = ()
    stage: int | Literal["stem"] | None = None
    block: int | None = None
    layer: int | None = None
    heads: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """Attention weights of one query in one layer.

    Attributes:
        place: The layer.
        pixel: The query in the image.
        cell: The cell of the layer's map that covers the pixel.
        heads: Numbers of the heads looked at.
        weights: `(len(heads), H, W)`, float32; see `attention_weights`.
        mean: `(H, W)`, the mean over all heads of the layer.
        rows: The rows of the map that the query can attend to.
        columns: The columns that it can attend to.
    """

    place: Place
    pixel: Pixel
    cell: Cell
    heads: tuple[int, ...]
    weights: Tensor
    mean: Tensor
    rows: slice
    columns: slice

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the layer's map."""
        return self.mean.shape[0], self.mean.shape[1]


@dataclass(frozen=True, eq=False)
class AttentionView:
    """Attention maps of one image in one network.

    Attributes:
        network: Name of the network.
        weights: The file of its weights, or that they are random.
        image: Source of the image.
        picture: The image, `(channels, H, W)` in [0, 1].
        maps: The maps, at least one, ordered by layer, then by pixel.
    """

    network: str
    weights: str
    image: str
    picture: Tensor
    maps: list[AttentionMap]


def attending_places(network: Network) -> list[Place]:
    """Return all attention layers of a network, in the order of the forward pass."""
    places: list[Place] = []
    if (probe := attention_probe(network.stem)) is not None:
        places.append(Place("stem", 0, 0, "attention stem", network.stem, probe))
    for number, (stage, described) in enumerate(zip(network.stages, network.architecture.stages, strict=True)):
        # where a stage attends, each of its blocks does, and nothing between them
        blocks = [found for part in stage.children() if (found := _attending(part))]
        for block, layers in enumerate(blocks):
            for index, (layer, probe) in enumerate(layers):
                places.append(Place(number, block, index, described.operator.kind, layer, probe))
    return places


def attention_maps(network: Network, inputs: Tensor, selection: Selection) -> list[AttentionMap]:
    """Compute attention maps of an image, ordered by layer, then by pixel.

    Args:
        network: The network; it is run in evaluation mode and left unchanged.
        inputs: One image as the network takes it, `(1, channels, H, W)`.
        selection: Queries, layers and heads.

    Raises:
        UserError: If the network does not attend, or has no such stage, block, layer, head or pixel.
    """
    image = (inputs.shape[2], inputs.shape[3])
    pixels = selection.pixels or ((image[0] // 2, image[1] // 2),)
    for pixel in pixels:
        if not all(0 <= place < side for place, side in zip(pixel, image, strict=True)):
            raise UserError(
                f"pixel {pixel[0]},{pixel[1]} lies outside the image of {image[0]} x {image[1]} that the network "
                f"sees; rows are 0 to {image[0] - 1} and columns 0 to {image[1] - 1}"
            )
    places = _select_places(attending_places(network), selection)
    if len(places) * len(pixels) > MOST_ROWS:
        raise UserError(
            f"{len(places)} layers and {len(pixels)} pixels make {len(places) * len(pixels)} rows, more than "
            f"{MOST_ROWS}; give one --stage or fewer pixels"
        )
    chosen = [_select_heads(place, selection.heads) for place in places]
    maps = []
    for place, heads, seen in zip(places, chosen, _layer_inputs(network, inputs, places), strict=True):
        size = (seen.shape[2], seen.shape[3])
        cells = [(row * size[0] // image[0], column * size[1] // image[1]) for row, column in pixels]
        weights = attention_weights(place.layer, seen, cells)[0]
        for pixel, cell, of_cell in zip(pixels, cells, weights, strict=True):
            rows, columns = footprint(place.layer, cell, size)
            maps.append(AttentionMap(place, pixel, cell, heads, of_cell[list(heads)], of_cell.mean(0), rows, columns))
    return maps


def _attending(part: nn.Module) -> list[tuple[nn.Module, AttentionProbe]]:
    probes = [(module, attention_probe(module)) for module in part.modules()]
    return [(module, probe) for module, probe in probes if probe is not None]


def _select_places(places: Sequence[Place], selection: Selection) -> list[Place]:
    """Return one layer of each selected stage."""
    stages = list(dict.fromkeys(place.stage for place in places))
    if not stages:
        raise UserError("the network has no attention, only convolutions; choose another, such as sasa_resnet26")
    if selection.stage is not None and selection.stage not in stages:
        name = "the stem" if selection.stage == "stem" else f"stage {selection.stage}"
        raise UserError(f"{name} has no attention; there is attention in: {', '.join(map(str, stages))}")
    chosen = []
    for stage in stages if selection.stage is None else [selection.stage]:
        there = [place for place in places if place.stage == stage]
        block = _number("--block", selection.block, there[-1].block, stage)
        layers = [place for place in there if place.block == block]
        chosen.append(layers[_number("--layer", selection.layer, layers[-1].index, stage)])
    return chosen


def _number(option: str, wanted: int | None, last: int, stage: int | str) -> int:
    """Check a selected number and return it; if None, the last."""
    if wanted is None:
        return last
    if not 0 <= wanted <= last:
        where = stage if stage == "stem" else f"stage {stage}"
        raise UserError(f"{option} {wanted} is not in {where}, where the last is {last}")
    return wanted


def _select_heads(place: Place, wanted: Sequence[int] | None) -> tuple[int, ...]:
    count = place.probe.heads
    if wanted is None:
        return tuple(range(min(count, DEFAULT_HEADS)))
    for head in wanted:
        if not 0 <= head < count:
            raise UserError(f"{place.label} has no head {head}; there are heads 0 to {count - 1}")
    if len(wanted) > MOST_HEADS:
        raise UserError(f"{len(wanted)} heads are more than a figure holds; give {MOST_HEADS} at most")
    return tuple(wanted)


def _layer_inputs(network: Network, inputs: Tensor, places: Sequence[Place]) -> list[Tensor]:
    """Return the input of each layer in a forward pass of the network in evaluation mode."""
    seen: dict[nn.Module, Tensor] = {}

    def keep(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen[layer] = arguments[0]

    handles = [place.layer.register_forward_pre_hook(keep) for place in places]
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    return [seen[place.layer] for place in places]
