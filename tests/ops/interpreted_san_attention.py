"""The Triton kernels of SAN's attention beside the plain forms in float64: what an `Interpreter` is asked to call."""

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from interpreted_kernels import difference
from interpreted_window_sums import Layout, laid_out
from torch import Tensor

from sasa_nas.ops import MappingLayer, PairwiseKind, PatchwiseKind, pairwise_attention, patchwise_attention


@dataclass(frozen=True)
class SanCase:
    """One call of pairwise or patchwise attention, by its kind; `positions` are those of pairwise attention."""

    kind: PairwiseKind | PatchwiseKind
    patchwise: bool = False
    height: int = 3
    width: int = 4
    kernel_size: int = 3
    keys: int = 3
    positions: int = 2
    hidden: int = 4
    weights: int = 2
    groups: int = 2
    layers: int = 2
    batch: int = 1
    training: bool = True
    dtype: Literal["float32", "float16"] = "float32"
    layout: Layout = "contiguous"

    @property
    def widths(self) -> list[int]:
        """Channels before each layer of the mapping, and after the last."""
        area = self.kernel_size**2
        if self.patchwise:
            related = {"star": area}.get(self.kind, self.keys * (1 + area))
            return [related, self.hidden, self.weights * area]
        related = {"concatenation": 2 * self.keys, "dot": 1}.get(self.kind, self.keys) + self.positions
        return [related, *[self.hidden] * (self.layers - 1), self.weights]


def tensors_of(case: SanCase) -> tuple[list[Tensor], list[list[Tensor | None]], Tensor]:
    """Query, key and value, the parameters of the layers, and a gradient of the output."""
    generator = torch.Generator().manual_seed(0)
    dtype = getattr(torch, case.dtype)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    size, values = (case.height, case.width), case.weights * case.groups
    channels = case.keys + (0 if case.patchwise else case.positions)
    maps = [laid_out(random(case.batch, count, *size), case.layout) for count in (channels, channels, values)]
    layers = []
    for before, after in itertools.pairwise(case.widths):
        given = (None, None) if case.training else (random(before), random(before).abs() + 0.5)
        layers.append([random(before), random(before), *given, random(after, before) / before**0.5, None])
    layers[-1][-1] = random(case.widths[-1])
    return maps, layers, laid_out(random(case.batch, values, *size), case.layout)


def results(case: SanCase, backend: Literal["triton", "naive"], dtype: torch.dtype) -> dict[str, Tensor]:
    """Output, statistics, and the gradients of all that has one."""
    maps, parameters, grad_out = tensors_of(case)
    leaves: dict[str, Tensor] = {}

    def leaf(name: str, tensor: Tensor) -> Tensor:
        leaves[name] = tensor.detach().to(dtype).requires_grad_()
        return leaves[name]

    query, key, value = (leaf(name, each) for name, each in zip(("query", "key", "value"), maps, strict=True))
    layers = [_layer(number, own, leaf, dtype) for number, own in enumerate(parameters)]
    if case.patchwise:
        options = {"kernel_size": case.kernel_size, "kind": case.kind, "backend": backend}
        out, statistics = patchwise_attention(query, key, value, layers, **options)
    else:
        options = {"kernel_size": case.kernel_size, "kind": case.kind, "backend": backend}
        out, statistics = pairwise_attention(query, key, value, layers, positions=case.positions, **options)
    gradients = torch.autograd.grad(out, list(leaves.values()), grad_out.to(dtype))
    found = {"out": out.detach()} | dict(zip(leaves, gradients, strict=True))
    for number, own in enumerate(statistics):
        found |= {f"mean {number}": own.mean, f"variance {number}": own.variance}
    return found


def _layer(number: int, parameters: Sequence[Tensor | None], leaf, dtype: torch.dtype) -> MappingLayer:
    norm_weight, norm_bias, mean, variance, weight, bias = parameters
    return MappingLayer(
        leaf(f"norm weight {number}", norm_weight),
        leaf(f"norm bias {number}", norm_bias),
        None if mean is None else mean.to(dtype),
        None if variance is None else variance.to(dtype),
        leaf(f"weight {number}", weight),
        None if bias is None else leaf("bias", bias),
        1e-5,
    )


def computed(case: SanCase) -> dict[str, Tensor]:
    """Results by the kernels; what they do not write is NaN."""
    # memory that is not written to stays NaN
    torch.use_deterministic_algorithms(True)
    # rows that are not there divide by zero, and are not written
    warnings.simplefilter("ignore", RuntimeWarning)
    return results(case, "triton", getattr(torch, case.dtype))


def errors_of_san_attention(case: SanCase) -> dict[str, float]:
    """The kernels' largest differences from the exact results, relative to the largest number or 1; NaN for NaN."""
    ours, theirs = computed(case), results(case, "naive", torch.float64)
    return {name: difference(ours[name], theirs[name]) for name in theirs}


def reruns_of_san_attention_differ(case: SanCase) -> bool:
    """Whether a second run of the kernels gives other bits."""
    first, second = computed(case), computed(case)
    return not all(torch.equal(first[name], second[name]) for name in first)
