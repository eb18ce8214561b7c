from typing import get_args

import pytest
import torch
from layer_oracles import (
    averages,
    image,
    map_like,
    mapping,
    parameter_count,
    pointwise,
    reflected,
    scrambled,
)
from torch import Tensor

from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.ops import PatchwiseKind

RELATIONS: tuple[PatchwiseKind, ...] = get_args(PatchwiseKind)


def by_loops(layer: PatchwiseAttention2d, x: Tensor) -> Tensor:
    window, area = layer.kernel_size, layer.kernel_size**2
    phi, psi, beta = pointwise(layer.query, x), pointwise(layer.key, x), pointwise(layer.value, x)

    def relation(b: int, y: int, x: int) -> Tensor:
        here, near = phi[b, :, y, x], reflected(psi, b, y, x, window)
        if layer.relation == "star":
            return torch.stack([here.dot(psi_j) for psi_j in near])
        if layer.relation == "clique":
            around = reflected(phi, b, y, x, window)
            return torch.stack([phi_j.dot(psi_k) for phi_j in around for psi_k in near])
        return torch.cat([here, *[torch.stack([psi_j[c] for psi_j in near]) for c in range(len(here))]])

    length = {"star": area, "clique": area**2, "concatenation": layer.key_channels * (1 + area)}[layer.relation]
    weights = mapping(layer.mapping, map_like(x, length, relation))

    def pixel(b: int, y: int, x: int) -> Tensor:
        near = reflected(beta, b, y, x, window)
        out = torch.zeros(layer.out_channels, dtype=torch.float64)
        for c in range(layer.out_channels):
            shared = c % layer.weight_channels
            for j, value in enumerate(near):
                out[c] += weights[b, shared * area + j, y, x] * value[c]
        return out

    return averages(map_like(x, layer.out_channels, pixel), stride=layer.stride, side=layer.stride, before=0)


def build(relation: PatchwiseKind, *, layers: int = 2, stride: int = 1) -> PatchwiseAttention2d:
    return scrambled(
        PatchwiseAttention2d(
            3,
            4,
            kernel_size=3,
            key_ratio=0.5,
            relation=relation,
            share_channels=2,
            mapping_layers=layers,
            stride=stride,
        )
    )


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("relation", RELATIONS)
def test_agrees_with_loops(relation: PatchwiseKind, training: bool) -> None:
    layer = build(relation).train(training)
    x = image(2, 3, 2, 3)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
@pytest.mark.parametrize(("layers", "stride", "size"), [(1, 1, (3, 2)), (3, 1, (1, 2)), (2, 2, (3, 2)), (2, 2, (1, 1))])
def test_agrees_with_loops_in_depth_and_stride(layers: int, stride: int, size: tuple[int, int]) -> None:
    layer = build("concatenation", layers=layers, stride=stride)
    x = image(1, 3, *size)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
@pytest.mark.parametrize("relation", RELATIONS)
def test_moves_with_the_image_away_from_the_edges(relation: PatchwiseKind) -> None:
    layer = build(relation)
    x = image(1, 3, 8, 8)
    moved = layer(x.roll((2, 1), dims=(2, 3)))
    torch.testing.assert_close(moved[:, :, 3:7, 2:7], layer(x)[:, :, 1:5, 1:6])


def test_published_parameter_count_of_san10() -> None:
    total = 3 * 64 + 2 * 64 + 2048 * 1000 + 1000
    before = 64
    footprints, widths, depths = (3, 7, 7, 7, 7), (64, 256, 512, 1024, 2048), (2, 1, 2, 4, 1)
    for kernel_size, width, depth in zip(footprints, widths, depths, strict=True):
        with torch.device("meta"):
            attention = parameter_count(PatchwiseAttention2d(width, width // 4, kernel_size=kernel_size))
        norms = 2 * width + 2 * width // 4
        total += before * width + depth * (norms + attention + width // 4 * width + width) + 2 * width
        before = width
    assert total == 11_841_124


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kernel_size", {"kernel_size": 2}),
        ("relation", {"relation": "subtraction"}),
        ("stride", {"stride": 0}),
        ("share_channels", {"share_channels": 3}),
        ("key_ratio", {"key_ratio": 0.0}),
        ("mapping_layers", {"mapping_layers": 0}),
    ],
)
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        PatchwiseAttention2d(3, 16, **arguments)
