"""Correctness of the kernels of whole-map attention and of SAN's operators on this GPU, through torch's operators.

Errors are held against those of the plain forms as in `gpu_correctness.py`, and a second run must give the same bits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast, get_args

import torch
from gpu_correctness import Finding, compared, types_on
from gpu_correctness import laid_out as heads_laid_out
from torch import Tensor

from sasa_nas.ops import PairwiseKind, PatchwiseKind, aggregate, global_attention, pairwise_relation, patchwise_relation

KINDS = (*get_args(PairwiseKind), "star", "patch")
"""Of relations: the pairwise ones, and two patchwise ones, of which `patch` is the concatenation."""

FEW_KINDS = ("subtraction", "dot", "patch")
"""One for each of the kernels."""


@dataclass(frozen=True)
class WindowCase:
    """Maps and a window for SAN's operators; channels are `weight_channels * groups`."""

    size: tuple[int, int] = (14, 14)
    kernel_size: int = 7
    weight_channels: int = 8
    groups: int = 8
    batch: int = 2
    layout: str = "channels_last"

    @property
    def channels(self) -> int:
        """Number of a map's channels."""
        return self.weight_channels * self.groups


@dataclass(frozen=True)
class MapCase:
    """Heads for whole-map attention."""

    size: tuple[int, int] = (14, 14)
    heads: int = 8
    depth: int = 20
    value_depth: int = 20
    batch: int = 2
    has_tables: bool = True
    layout: str = "channels_last"


Backend = Literal["triton", "naive"]
Compute = Callable[[list[Tensor], Backend], Tensor]
"""An operator of its inputs, by a backend."""


def window_cases(*, small: bool) -> Iterator[WindowCase]:
    """Yield the usual case, then other maps, windows, layouts and ways to share weights."""
    if small:
        yield WindowCase((3, 4), 3, 2, 2, 1)
        return
    yield WindowCase()
    yield WindowCase(layout="channels_first")
    for size in ((56, 56), (28, 28), (7, 7)):
        yield WindowCase(size)
    for odd in ((1, 33), (33, 1), (1, 1), (3, 3)):
        yield WindowCase(odd)
    for layout in ("inside_nan", "expanded"):
        yield WindowCase((9, 13), layout=layout)
    for kernel_size in (1, 3, 11):
        yield WindowCase(kernel_size=kernel_size)
    for weight_channels, groups in ((1, 5), (5, 11), (40, 1)):
        yield WindowCase((9, 13), weight_channels=weight_channels, groups=groups)
    yield WindowCase(batch=0)


def map_cases(*, small: bool) -> Iterator[MapCase]:
    """Yield the usual case, then other maps, heads and layouts, all of which kernels take in every type."""
    if small:
        yield MapCase((3, 4), 2, 4, 4, 1)
        return
    yield MapCase()
    yield MapCase((8, 8), depth=16, value_depth=16)
    yield MapCase((7, 7), depth=64, value_depth=64)
    for odd in ((1, 16), (16, 1), (1, 1), (5, 9)):
        yield MapCase(odd)
    for layout in ("channels_first", "inside_nan", "expanded"):
        yield MapCase((5, 9), layout=layout, depth=12, value_depth=8)
    yield MapCase((9, 13), has_tables=False)
    yield MapCase(batch=0)


def laid_out(numbers: Tensor, layout: str) -> Tensor:
    """Return the same maps or weights, channels the second axis, in another memory layout."""
    if layout == "channels_last":
        return numbers.movedim(1, -1).contiguous().movedim(-1, 1)
    if layout == "inside_nan":
        around = numbers.new_full([size + 2 for size in numbers.shape], float("nan"))
        return around[tuple(slice(1, size + 1) for size in numbers.shape)].copy_(numbers)
    return numbers[:1].expand_as(numbers) if layout == "expanded" else numbers


def check_operator(
    name: str, compute: Compute, inputs: list[Tensor], grad_out_of: Callable[[torch.Size], Tensor]
) -> Finding:
    """Compare output and gradients with float64, and two runs with each other."""

    def results(dtype: torch.dtype, backend: Backend) -> list[Tensor]:
        plainly = backend == "naive"
        leaves = [(tensor.to(dtype).contiguous() if plainly else tensor).detach().requires_grad_() for tensor in inputs]
        out = compute(leaves, backend)
        return [out.detach(), *torch.autograd.grad(out, leaves, grad_out_of(out.shape).to(dtype))]

    dtype = inputs[0].dtype
    first, again = (results(dtype, "triton") for _ in range(2))
    names = ["out", *(f"gradient {i}" for i in range(len(inputs)))]
    finding = compared(name, names, first, results(dtype, "naive"), results(torch.float64, "naive"))
    differing = [n for n, one, other in zip(names, first, again, strict=True) if not torch.equal(one, other)]
    if differing:
        return Finding(name, False, f"{finding.detail}; a second run differs in {', '.join(differing)}")
    return finding


def check_windows(operator: str, case: WindowCase, dtype: torch.dtype, device: torch.device) -> Finding:
    """One of SAN's operators: `aggregate`, or a relation of `KINDS`."""
    generator = torch.Generator(device).manual_seed(0)

    def random(*shape: int) -> Tensor:
        return laid_out(torch.randn(shape, generator=generator, device=device).to(dtype), case.layout)

    maps, size = (case.batch, case.channels, *case.size), case.kernel_size
    weights = (case.batch, case.weight_channels, size**2, *case.size)
    inputs = [random(*(weights if operator == "aggregate" else maps)), random(*maps)]

    def compute(tensors: list[Tensor], backend: Backend) -> Tensor:
        first, second = tensors
        match operator:
            case "aggregate":
                return aggregate(first, second, kernel_size=size, backend=backend)
            case "star" | "patch":
                patchwise: PatchwiseKind = "star" if operator == "star" else "concatenation"
                return patchwise_relation(first, second, kernel_size=size, kind=patchwise, backend=backend)
            case _:
                pairwise = cast("PairwiseKind", operator)
                return pairwise_relation(first, second, kernel_size=size, kind=pairwise, backend=backend)

    def grad_out_of(shape: torch.Size) -> Tensor:
        again = torch.Generator(device).manual_seed(1)
        return laid_out(torch.randn(shape, generator=again, device=device).to(dtype), case.layout)

    return check_operator(f"{operator} {_type(dtype)} {case}", compute, inputs, grad_out_of)


def check_maps(case: MapCase, dtype: torch.dtype, device: torch.device) -> Finding:
    """Attention over the whole map."""
    generator = torch.Generator(device).manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device).to(dtype)

    pixels = (case.batch, *case.size, case.heads)
    depths = (case.depth, case.depth, case.value_depth)
    inputs = [heads_laid_out(random(*pixels, depth), case.layout) for depth in depths]
    if case.has_tables:
        inputs += [random(2 * side - 1, case.depth) for side in case.size]
    grad_out = heads_laid_out(random(*pixels, case.value_depth), case.layout)

    def compute(tensors: list[Tensor], backend: Backend) -> Tensor:
        query, key, value, *tables = tensors
        rows, cols = tables or (None, None)
        return global_attention(query, key, value, rows, cols, scale=case.depth**-0.5, backend=backend)

    return check_operator(f"global_attention {_type(dtype)} {case}", compute, inputs, lambda shape: grad_out)


def checks_of_operators(device: torch.device, *, small: bool) -> Iterator[Callable[[], Finding]]:
    """Every case in every type; first the usual ones of all operators."""
    types = types_on(device)
    for map_case in map_cases(small=small):
        for dtype in types:
            yield partial(check_maps, map_case, dtype, device)
    for case in window_cases(small=small):
        for operator in ("aggregate", *(FEW_KINDS if small else KINDS)):
            for dtype in types:
                yield partial(check_windows, operator, case, dtype, device)


def _type(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
