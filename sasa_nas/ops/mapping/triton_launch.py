"""Coefficients of norms and sums over programs, shared by the launches of SAN's Triton kernels."""

from contextlib import nullcontext
from math import gcd

import torch
from torch import Tensor

from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.triton_call import Launch

WORD_BYTES = 16
"""Bytes that a thread reads at once."""


def run_launches(device: torch.device, *launches: Launch) -> None:
    """Run kernels one after another on the device of their tensors."""
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        for launch in launches:
            launch.run()


def word_of(maps: Tensor) -> int:
    """Return the elements that can be read at once at every pixel of a map: a power of two, of at most 16 bytes."""
    if maps.stride(1) != 1:
        return 1
    strides = [maps.stride(axis) for axis in (0, 2, 3) if maps.shape[axis] > 1]
    return gcd(WORD_BYTES // maps.element_size(), maps.data_ptr() // maps.element_size(), *strides)


def map_arguments(name: str, maps: Tensor) -> dict[str, Tensor | int | float]:
    """Return a map as kernels take it: its memory, its strides, those between pixels in words, and a word's elements.

    Args:
        name: Name of the map in the kernel's arguments.
        maps: `(B, C, H, W)`.
    """
    sb, sc, sy, sx = maps.stride()
    word = word_of(maps)
    strides = {f"{name}_sb": sb // word, f"{name}_sc": sc, f"{name}_sy": sy // word, f"{name}_sx": sx // word}
    return {f"{name}_ptr": maps, f"{name.upper()}_WORD": word, **strides}


def norm_coefficients(
    layer: MappingLayer, mean: Tensor, variance: Tensor, sums: Tensor | None = None, count: int = 1
) -> Tensor:
    """Return the coefficients of a norm for the kernels, `(6, C)` float32; see triton_norms.py.

    Args:
        layer: Layer with the norm.
        mean: Mean that the norm subtracts, `(C,)`.
        variance: Biased variance that the norm divides by, `(C,)`.
        sums: `(2, C)` of the gradient of its result, and of that times the normalised input, where its statistics are
            the batch's and the gradient of its input is wanted.
        count: Number of elements that statistics and sums are taken over.
    """
    deviation = (variance.double() + layer.eps).rsqrt()
    scale = layer.norm_weight * deviation
    shift = layer.norm_bias - mean * scale
    pulls = mean.new_zeros(2, len(mean)) if sums is None else sums / count
    return torch.stack([scale, shift, mean, deviation, *pulls]).float()


def combined_statistics(parts: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance, float64, of several parts together (Chan, Golub, LeVeque 1983).

    Args:
        parts: `(parts, 2, C)`: means and sums of squared deviations.
        counts: `(parts,)`: number of elements of each part.
    """
    means, squares = parts.double().unbind(1)
    shares = (counts.double() / counts.sum())[:, None]
    mean = (means * shares).sum(0)
    variance = squares.sum(0) / counts.sum() + ((means - mean).square() * shares).sum(0)
    return mean, variance
