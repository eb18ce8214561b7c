"""SAN's attention fused through its mapping, on this GPU: whether the kernels are right, and how fast.

Errors are held against those of the plain forms as in `gpu_correctness.py`. Timings are of the fused operator
(`triton`), of relation, mapping and aggregation one after the other (`composed`), and of a 3x3 convolution of the
values' width: forward, and forward and backward together.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, cast

import torch
from contenders import Contender, Shape, Timed, contender, convolution, timed
from gpu_correctness import Finding, types_on
from gpu_operators import Backend, check_operator, laid_out
from measure import machine
from torch import Tensor

from sasa_nas.files import write_text
from sasa_nas.ops import MappingLayer, PairwiseKind, PatchwiseKind, pairwise_attention, patchwise_attention
from sasa_nas.ops.pairwise_attention.composed import composed_attention as composed_pairwise
from sasa_nas.ops.pairwise_attention.problem import Problem as PairwiseProblem
from sasa_nas.ops.patchwise_attention.composed import composed_attention as composed_patchwise
from sasa_nas.ops.patchwise_attention.problem import Problem as PatchwiseProblem

POSITIONS = 2

Way = Literal["triton", "naive", "composed"]

Kind = PairwiseKind | PatchwiseKind


@dataclass(frozen=True)
class SanCase:
    """One call of pairwise attention with positions, or of patchwise attention."""

    kind: Kind
    patchwise: bool = False
    size: tuple[int, int] = (14, 14)
    kernel_size: int = 7
    keys: int = 16
    weights: int = 8
    groups: int = 8
    layers: int = 2
    batch: int = 2
    training: bool = True
    layout: str = "channels_last"

    @property
    def widths(self) -> list[int]:
        """Channels before each layer of the mapping, and after the last."""
        area = self.kernel_size**2
        if self.patchwise:
            related = area if self.kind == "star" else self.keys * (1 + area)
            return [related, *[self.weights] * (self.layers - 1), self.weights * area]
        related = {"concatenation": 2 * self.keys, "dot": 1}.get(self.kind, self.keys) + POSITIONS
        return [related, *[self.keys] * (self.layers - 1), self.weights]


def cases(*, small: bool) -> Iterator[SanCase]:
    """Yield the papers' relations at all widths of their stages, then other relations, maps, windows and layouts."""
    if small:
        yield SanCase("subtraction", size=(3, 4), kernel_size=3, keys=3, weights=2, groups=2, batch=1)
        yield SanCase("concatenation", True, size=(3, 4), kernel_size=3, keys=3, weights=2, groups=2, batch=1)
        return
    papers: tuple[tuple[Kind, bool], ...] = (("subtraction", False), ("concatenation", True))
    for size, keys, kernel_size in ((33, 4, 3), (28, 8, 5), (28, 16, 7), (14, 32, 7), (7, 64, 7)):
        for kind, patchwise in papers:
            case = SanCase(kind, patchwise, (size, size), kernel_size, keys, max(keys // 2, 1))
            yield case
            yield replace(case, training=False, layout="channels_first")
    others: tuple[Kind, ...] = ("sum", "hadamard", "concatenation", "dot")
    for other in others:
        yield SanCase(other)
    yield SanCase("star", True)
    yield SanCase("subtraction", layers=1)
    for kind, patchwise in papers:
        for odd in ((1, 33), (33, 1), (2, 2), (3, 3)):
            yield SanCase(kind, patchwise, size=odd)
        for layout in ("inside_nan", "expanded"):
            yield SanCase(kind, patchwise, size=(9, 13), layout=layout)
        yield SanCase(kind, patchwise, size=(9, 13), keys=5, weights=3, groups=5)


def tensors_of(case: SanCase, dtype: torch.dtype, device: torch.device) -> tuple[list[Tensor], Callable[..., Tensor]]:
    """Query, key, value and the parameters that have gradients, and what makes random maps."""
    generator = torch.Generator(device).manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device).to(dtype)

    def maps(channels: int) -> Tensor:
        return laid_out(random(case.batch, channels, *case.size), case.layout)

    channels = case.keys + (0 if case.patchwise else POSITIONS)
    tensors = [maps(channels), maps(channels), maps(case.weights * case.groups)]
    for before, after in itertools.pairwise(case.widths):
        tensors += [random(before), random(before), random(after, before) / before**0.5]
    tensors.append(random(case.widths[-1]))
    return tensors, maps


def attend(case: SanCase, way: Way, tensors: list[Tensor]) -> Tensor:
    """Return the attention of `tensors_of` by one way."""
    query, key, value, *parameters, bias = tensors
    layers = []
    for number, width in enumerate(case.widths[:-1]):
        scale, shift, weight = parameters[3 * number : 3 * number + 3]
        given = None if case.training else torch.linspace(0.5, 1.5, width, device=query.device).to(query.dtype)
        last = number == case.layers - 1
        layers.append(MappingLayer(scale, shift, given, given, weight, bias if last else None, 1e-5))
    size = case.kernel_size
    if case.patchwise:
        kind = cast("PatchwiseKind", case.kind)
        if way == "composed":
            return composed_patchwise(PatchwiseProblem(query, key, value, tuple(layers), size, kind), "auto")[0]
        return patchwise_attention(query, key, value, layers, kernel_size=size, kind=kind, backend=way)[0]
    compared = cast("PairwiseKind", case.kind)
    if way == "composed":
        problem = PairwiseProblem(query, key, value, tuple(layers), size, compared, POSITIONS)
        return composed_pairwise(problem, "auto")[0]
    options = {"kernel_size": size, "kind": compared, "positions": POSITIONS}
    return pairwise_attention(query, key, value, layers, **options, backend=way)[0]  # type: ignore[arg-type]


def check_san(case: SanCase, dtype: torch.dtype, device: torch.device) -> Finding:
    """Compare output and gradients of one case with float64."""
    tensors, maps = tensors_of(case, dtype, device)
    grad_out = maps(case.weights * case.groups)

    def compute(leaves: list[Tensor], backend: Backend) -> Tensor:
        return attend(case, backend, leaves)

    name = f"{str(dtype).removeprefix('torch.')} {case}"
    return check_operator(name, compute, tensors, lambda shape: grad_out)


def checks_of_san(device: torch.device, *, small: bool) -> Iterator[Callable[[], Finding]]:
    """Every case in every type."""
    for case in cases(small=small):
        for dtype in types_on(device):
            yield partial(check_san, case, dtype, device)


@dataclass(frozen=True)
class Row:
    """All ways on one shape."""

    case: str
    dtype: str
    timings: dict[str, Timed]

    def __str__(self) -> str:
        lines = []
        for part in ("forward", "both"):
            found = {name: getattr(timing, part) for name, timing in self.timings.items()}
            ours = found["triton"]
            if ours is None:
                lines.append(f"{part} failed: {self.timings['triton'].error}")
                continue
            others = (
                f"{name} {'failed' if other is None else f'x{other.milliseconds / ours.milliseconds:.2f}'}"
                for name, other in found.items()
                if name != "triton"
            )
            lines.append(f"{part} {ours}; {', '.join(others)}")
        return f"{self.dtype} {self.case}\n  " + "\n  ".join(lines)


def time_san(device: torch.device, seconds: float, out: Path, *, small: bool) -> list[str]:
    """Time SAN's stages, writes the file after every one, and returns what there was no time for."""
    end = time.monotonic() + seconds
    batch = 64 if device.type == "cuda" else 1
    stages = [(3, 2, 3)] if small else [(56, 16, 7), (28, 32, 7), (14, 64, 7), (32, 4, 5), (112, 4, 3)]
    rows: list[Row] = []
    left_out: list[str] = []
    for size, keys, kernel_size in stages:
        for patchwise in (False, True):
            kind: Kind = "concatenation" if patchwise else "subtraction"
            case = SanCase(kind, patchwise, (size, size), kernel_size, keys, keys // 2, batch=batch)
            if time.monotonic() > end:
                left_out.append(str(case))
                continue
            dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
            makers: dict[str, Callable[[], Contender]] = {
                way: partial(_contender, case, way, dtype, device) for way in ("triton", "composed")
            }
            width = Shape(batch, size, case.groups, case.weights, 3)
            makers["conv3x3"] = partial(convolution, width, dtype, device)
            timings = {name: timed(make, device, seconds=0.1) for name, make in makers.items()}
            rows.append(Row(str(case), str(dtype).removeprefix("torch."), timings))
            print(rows[-1], flush=True)
            result = {"machine": machine(device), "left_out": left_out, "rows": [asdict(row) for row in rows]}
            write_text(out, json.dumps(result, indent=1) + "\n")
    return left_out


def _contender(case: SanCase, way: Way, dtype: torch.dtype, device: torch.device) -> Contender:
    tensors, maps = tensors_of(case, dtype, device)
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    return contender(lambda *given: attend(case, way, list(given)), leaves, maps(case.weights * case.groups))
