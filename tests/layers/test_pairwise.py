from typing import get_args

import pytest
import torch
from layer_oracles import (
    attend,
    averages,
    coordinates,
    image,
    map_like,
    mapping,
    parameter_count,
    pointwise,
    reflected,
    scrambled,
)
from torch import Tensor

from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.ops import PairwiseKind

RELATIONS: tuple[PairwiseKind, ...] = get_args(PairwiseKind)


def compare(phi: Tensor, psi: Tensor, relation: str) -> Tensor:
    if relation == "concatenation":
        return torch.cat([phi, psi])
    if relation == "dot":
        return phi.dot(psi)[None]
    return {"sum": phi + psi, "subtraction": phi - psi, "hadamard": phi * psi}[relation]


def by_loops(layer: PairwiseAttention2d, x: Tensor) -> Tensor:
    batch, _, height, width = x.shape
    area = layer.kernel_size**2
    phi, psi, beta = pointwise(layer.query, x), pointwise(layer.key, x), pointwise(layer.value, x)
    place = coordinates(height, width).expand(batch, -1, -1, -1)

    def relations(b: int, y: int, x: int) -> Tensor:
        """One column a pixel of the window."""
        columns = [
            compare(phi[b, :, y, x], near, layer.relation) for near in reflected(psi, b, y, x, layer.kernel_size)
        ]
        if layer.position is not None:
            matrix = layer.position.weight[:, :, 0, 0]
            p = map_like(place, 2, lambda b, y, x: matrix @ place[b, :, y, x])
            offsets = [p[b, :, y, x] - near for near in reflected(p, b, y, x, layer.kernel_size)]
            columns = [torch.cat(pair) for pair in zip(columns, offsets, strict=True)]
        return torch.stack(columns, 1)

    # Batch norm takes its statistics over all pairs at once: (B, R, k*k, H*W).
    pairs = torch.stack(
        [torch.stack([relations(b, y, x) for y in range(height) for x in range(width)], -1) for b in range(batch)]
    )
    logits = mapping(layer.mapping, pairs).reshape(batch, -1, area, height, width)

    def pixel(b: int, y: int, x: int) -> Tensor:
        near = reflected(beta, b, y, x, layer.kernel_size)
        return torch.stack(
            [
                attend(list(logits[b, c % logits.shape[1], :, y, x]), [v[c] for v in near])
                for c in range(layer.out_channels)
            ]
        )

    return averages(map_like(x, layer.out_channels, pixel), stride=layer.stride, side=layer.stride, before=0)


def build(relation: PairwiseKind, *, positions: bool = True, layers: int = 2, stride: int = 1) -> PairwiseAttention2d:
    return scrambled(
        PairwiseAttention2d(
            3,
            4,
            kernel_size=3,
            key_ratio=0.5,
            relation=relation,
            share_channels=2,
            mapping_layers=layers,
            positions=positions,
            stride=stride,
        )
    )


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize("relation", RELATIONS)
def test_agrees_with_loops(relation: PairwiseKind, positions: bool, training: bool) -> None:
    layer = build(relation, positions=positions).train(training)
    x = image(2, 3, 2, 3)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
@pytest.mark.parametrize(("layers", "stride", "size"), [(1, 1, (3, 2)), (3, 1, (1, 2)), (2, 2, (3, 2)), (2, 2, (1, 1))])
def test_agrees_with_loops_in_depth_and_stride(layers: int, stride: int, size: tuple[int, int]) -> None:
    layer = build("subtraction", layers=layers, stride=stride)
    x = image(1, 3, *size)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
@pytest.mark.parametrize("relation", RELATIONS)
def test_moves_with_the_image_away_from_the_edges(relation: PairwiseKind) -> None:
    layer = build(relation)
    x = image(1, 3, 8, 8)
    moved = layer(x.roll((2, 1), dims=(2, 3)))
    torch.testing.assert_close(moved[:, :, 3:7, 2:7], layer(x)[:, :, 1:5, 1:6])


@pytest.mark.parametrize(("layers", "modules"), [(1, 3), (2, 6), (3, 9)])
def test_gamma_ends_alone_with_a_bias(layers: int, modules: int) -> None:
    layer = PairwiseAttention2d(8, 16, mapping_layers=layers)
    biases = [name for name in layer.mapping.state_dict() if name.endswith("bias")]
    assert len(layer.mapping) == modules
    assert [name for name in biases if int(name.split(".")[0]) % 3 == 2] == [f"{modules - 1}.bias"]


def test_published_parameter_count_of_san10() -> None:
    total = 3 * 64 + 2 * 64 + 2048 * 1000 + 1000
    before = 64
    for width, depth in zip((64, 256, 512, 1024, 2048), (2, 1, 2, 4, 1), strict=True):
        with torch.device("meta"):
            attention = parameter_count(PairwiseAttention2d(width, width // 4))
        norms = 2 * width + 2 * width // 4
        total += before * width + depth * (norms + attention + width // 4 * width + width) + 2 * width
        before = width
    assert total == 10_531_848


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kernel_size", {"kernel_size": 2}),
        ("relation", {"relation": "star"}),
        ("stride", {"stride": 0}),
        ("share_channels", {"share_channels": 3}),
        ("share_channels", {"share_channels": 0}),
        ("key_ratio", {"key_ratio": 0.0}),
        ("mapping_layers", {"mapping_layers": 0}),
    ],
)
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        PairwiseAttention2d(3, 16, **arguments)
