"""Statistics of attention maps: the data printed by `sasa-nas attention-map --json`."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from sasa_nas.analysis.attention_maps import AttentionMap, AttentionView


class HeadSummary(BaseModel):
    """Statistics of one head's attention weights.

    The first three take the weights' sizes, without their signs, as shares of their sum; they are 0 where all
    weights are.

    Attributes:
        head: The head's number; None for the mean of all heads' weights.
        entropy: Entropy in nats: 0 if one cell has all the weight, ln(n) if n cells have equal weights.
        mean_distance: Mean Euclidean distance from the query's cell, in cells of the layer's map.
        outside_3x3: Share of the weight beyond the 3x3 cells around the query, where no 3x3 convolution reaches.
        total: Signed sum of the weights: 1 for a softmax, less where zero padding took a part.
        largest: The weight of largest magnitude, with its sign.
    """

    model_config = ConfigDict(frozen=True)

    head: int | None
    entropy: float
    mean_distance: float
    outside_3x3: float
    total: float
    largest: float


class MapSummary(BaseModel):
    """Statistics of one query in one layer.

    Attributes:
        name: The layer's name, as `stage 2, block 0`.
        stage: The stage's number, or the stem.
        block: Number among the stage's blocks.
        layer: Number among the block's attention layers.
        operator: Kind of the layer's operator.
        height: Height of the layer's map, in cells.
        width: Width of the layer's map, in cells.
        pixel: Row and column of the query in the image that the network sees.
        cell: Row and column of the map's cell that covers the pixel.
        heads: The mean of all heads, then each selected head.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    stage: int | Literal["stem"]
    block: int
    layer: int
    operator: str
    height: int
    width: int
    pixel: tuple[int, int]
    cell: tuple[int, int]
    heads: list[HeadSummary]


class AttentionSummary(BaseModel):
    """The data printed by `sasa-nas attention-map --json`.

    Attributes:
        network: Name of the network.
        weights: The file of its weights, or that they are random.
        image: Source of the image.
        height: Height of the network's input, in pixels.
        width: Width of the network's input, in pixels.
        maps: The maps, ordered by layer, then by pixel.
    """

    model_config = ConfigDict(frozen=True)

    network: str
    weights: str
    image: str
    height: int
    width: int
    maps: list[MapSummary]


def summarise_attention(view: AttentionView) -> AttentionSummary:
    """Return the statistics of all maps."""
    return AttentionSummary(
        network=view.network,
        weights=view.weights,
        image=view.image,
        height=view.picture.shape[1],
        width=view.picture.shape[2],
        maps=[_summarise_map(found) for found in view.maps],
    )


def _summarise_map(found: AttentionMap) -> MapSummary:
    rows = zip((None, *found.heads), (found.mean, *found.weights), strict=True)
    return MapSummary(
        name=found.place.label,
        stage=found.place.stage,
        block=found.place.block,
        layer=found.place.index,
        operator=found.place.operator,
        height=found.size[0],
        width=found.size[1],
        pixel=found.pixel,
        cell=found.cell,
        heads=[summarise_head(weights, found.cell, head) for head, weights in rows],
    )


def summarise_head(weights: Tensor, cell: tuple[int, int], head: int | None) -> HeadSummary:
    """Return the statistics of one head.

    Args:
        weights: Attention weights, `(H, W)`, of any sign.
        cell: Row and column of the query.
        head: The head's number; None for a mean over heads.
    """
    exact = weights.double()
    sizes = exact.abs()
    shares = sizes / sizes.sum().clamp_min(torch.finfo(torch.float64).tiny)
    rows = torch.arange(weights.shape[0], dtype=torch.float64)[:, None] - cell[0]
    columns = torch.arange(weights.shape[1], dtype=torch.float64) - cell[1]
    far = (rows.abs() > 1) | (columns.abs() > 1)
    return HeadSummary(
        head=head,
        entropy=torch.special.entr(shares).sum().item(),
        mean_distance=(shares * rows.hypot(columns)).sum().item(),
        outside_3x3=shares[far].sum().item(),
        total=exact.sum().item(),
        largest=exact.flatten()[sizes.argmax()].item(),
    )
