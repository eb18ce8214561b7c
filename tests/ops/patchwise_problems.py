"""Problems of patchwise attention for tests: tensors of random numbers, and the gradients of all of them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sasa_nas.ops import MappingLayer, PatchwiseKind

Layout = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sizes:
    kind: PatchwiseKind = "concatenation"
    kernel_size: int = 3
    keys: int = 2
    values: int = 4
    weights: int = 2
    batch: int = 2
    size: tuple[int, int] = (4, 5)
    layers: int = 2
    training: bool = True


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)


@dataclass(frozen=True)
class Case:
    """Maps and layers in float64."""

    sizes: Sizes
    maps: tuple[Tensor, Tensor, Tensor]
    layers: tuple[tuple[Tensor | None, ...], ...]


def case(sizes: Sizes) -> Case:
    area, batch, size = sizes.kernel_size**2, sizes.batch, sizes.size
    related = {"star": area, "clique": area**2, "concatenation": sizes.keys * (1 + area)}[sizes.kind]
    made = area * sizes.weights
    widths = [related, *[sizes.weights + 1] * (sizes.layers - 1), made]
    layers = []
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        given = None if sizes.training else random(before, seed=i + 1)
        bias = random(after, seed=i + 2) if i == sizes.layers - 1 else None
        weight = random(after, before, seed=i) / before**0.5
        # norms of a scale near zero, and of none
        scale = random(before, seed=i + 3)
        scale[0] = 0
        layers.append(
            (scale, random(before, seed=i + 4), given, None if given is None else given**2 + 0.1, weight, bias)
        )
    query, key = random(batch, sizes.keys, *size, seed=7), 0.5 + random(batch, sizes.keys, *size, seed=8)
    return Case(sizes, (query, key, random(batch, sizes.values, *size, seed=9)), tuple(layers))


def contiguous(maps: Tensor) -> Tensor:
    return maps.contiguous()


def channels_last(maps: Tensor) -> Tensor:
    batch, channels, height, width = maps.shape
    return maps.new_empty(batch, height, width, channels).permute(0, 3, 1, 2).copy_(maps)


def inside_nan(maps: Tensor) -> Tensor:
    """The same numbers with NaN around and between them."""
    wide = maps.new_full([2 * size + 3 for size in maps.shape], torch.nan)
    return wide[tuple(slice(1, 2 * size + 1, 2) for size in maps.shape)].copy_(maps)


def results(
    attention: Callable[..., tuple[Tensor, tuple]],
    case: Case,
    dtype: torch.dtype,
    lay_out: Layout = contiguous,
    **kwargs,
) -> dict[str, Tensor]:
    """Output, statistics, and the gradient of every tensor for a random gradient of the output."""
    names, leaves = [], []

    def leaf(name: str, tensor: Tensor) -> Tensor:
        tensor = tensor.to(dtype)
        made = (lay_out(tensor) if tensor.dim() == 4 else tensor.clone()).detach().requires_grad_()
        names.append(name)
        leaves.append(made)
        return made

    maps = [leaf(name, tensor) for name, tensor in zip(("query", "key", "value"), case.maps, strict=True)]
    layers = []
    for i, (scale, shift, mean, variance, weight, bias) in enumerate(case.layers):
        layers.append(
            MappingLayer(
                leaf(f"norm_weight {i}", scale),
                leaf(f"norm_bias {i}", shift),
                None if mean is None else mean.to(dtype),
                None if variance is None else variance.to(dtype),
                leaf(f"weight {i}", weight),
                None if bias is None else leaf("bias", bias),
                1e-5,
            )
        )
    sizes = case.sizes
    out, statistics = attention(*maps, layers, kernel_size=sizes.kernel_size, kind=sizes.kind, **kwargs)
    gradient = lay_out(random(*out.shape, seed=5).to(dtype))
    found = {"out": out.detach()}
    found |= dict(zip(names, torch.autograd.grad(out, leaves, gradient), strict=True))
    for i, norm in enumerate(statistics):
        found |= {f"mean {i}": norm.mean, f"variance {i}": norm.variance, f"count {i}": torch.tensor(float(norm.count))}
    return found


def assert_near(ours: dict[str, Tensor], exact: dict[str, Tensor]) -> None:
    """The same but for float32's rounding, in units of the largest number of each tensor.

    Gradients through a norm are differences of numbers that the norm divides by its deviation: where a few values of a
    channel are nearly alike, what rounding left in those numbers is as much larger.
    """
    assert ours.keys() == exact.keys()
    variances = [tensor.min().item() for name, tensor in exact.items() if name.startswith("variance")]
    lost = max([1.0, *((variance + 1e-5) ** -0.5 for variance in variances)])
    for name, tensor in exact.items():
        size = max(tensor.abs().max().item(), 1.0)
        if name in ("query", "key"):
            size *= lost
        torch.testing.assert_close(
            ours[name].double(),
            tensor.double(),
            rtol=0,
            atol=1e-5 * size,
            msg=lambda text, name=name: f"{name}: {text}",
        )
