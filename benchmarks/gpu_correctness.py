"""Correctness of the Triton kernels on this GPU: the sections of `gpu_check.py` that come first.

Errors are norms of differences from the plain form in float64, relative to the norm of the right result. They are held
against twice those of the plain form in the same type, and never NaN.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from sasa_nas.ops import local_attention
from sasa_nas.ops.local_attention.naive import WindowPadding
from sasa_nas.ops.local_attention.problem import Problem
from sasa_nas.ops.local_attention.triton_launch import Planner, triton_backward, triton_forward
from sasa_nas.ops.local_attention.triton_plan import choose_plan, direct_plan, tile_plan

ALLOWED = 2.0
"""Times the plain form's error."""

SLACK = {torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
"""Errors that are none: a few roundings of the type, where the plain form happens to be exact."""

NAMES = ("out", "grad_query", "grad_key", "grad_value", "grad_rows", "grad_cols")


@dataclasses.dataclass(frozen=True)
class Case:
    """One call; shapes as in `naive.local_attention`."""

    size: tuple[int, int] = (14, 14)
    kernel_size: int = 7
    heads: int = 8
    depth: int = 16
    value_depth: int = 16
    batch: int = 2
    stride: int = 1
    scale: float = 0.25
    padding: WindowPadding = "mask"
    has_key: bool = True
    has_tables: bool = True
    per_head: bool = False
    layout: str = "channels_last"

    @property
    def name(self) -> str:
        """Differences from the usual case."""
        usual = Case()
        changed = (field.name for field in dataclasses.fields(self))
        return ", ".join(f"{n}={getattr(self, n)}" for n in changed if getattr(self, n) != getattr(usual, n)) or "usual"


def cases(*, small: bool) -> Iterator[Case]:
    """Yield the usual case, then every option and edge."""
    if small:
        tiny = Case((3, 4), kernel_size=3, heads=2, depth=4, value_depth=4, batch=1)
        yield from (tiny, dataclasses.replace(tiny, padding="zeros", layout="inside_nan"))
        return
    for size, depth in ((28, 8), (14, 32), (7, 64)):
        yield Case((size, size), depth=depth, value_depth=depth)
    for kernel_size in (1, 3, 5, 9, 11, 15):
        yield Case(kernel_size=kernel_size)
    yield Case(kernel_size=3, depth=8, value_depth=8)
    for odd in ((1, 33), (33, 1), (1, 1), (5, 40), (3, 3)):
        yield Case(odd)
        yield Case(odd, padding="zeros")
    for layout in ("channels_first", "inside_nan", "expanded"):
        yield Case((9, 13), layout=layout)
        yield Case((9, 13), layout=layout, depth=20, value_depth=12)
    for heads in (1, 3, 4, 6):
        yield Case((9, 13), heads=heads, per_head=heads == 4)
    yield Case((9, 13), has_key=False)
    yield Case((9, 13), has_key=False, padding="zeros", per_head=True)
    yield Case((9, 13), has_tables=False)
    yield Case((9, 13), has_tables=False, padding="zeros")
    for depth, value_depth in ((5, 3), (40, 40), (64, 16), (128, 128), (256, 1)):
        yield Case((9, 13), depth=depth, value_depth=value_depth, batch=1)
    yield Case((9, 13), scale=-1.0)
    yield Case((9, 13), scale=0.0)
    for stride in (2, 3):
        yield Case((9, 13), stride=stride)
    yield Case(batch=0)


def laid_out(numbers: Tensor, layout: str) -> Tensor:
    """Return the same map of heads in another memory layout."""
    if layout == "channels_first":
        return numbers.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)
    if layout == "inside_nan":
        batch, height, width, heads, channels = numbers.shape
        around = numbers.new_full((batch, height + 2, width + 2, heads, channels + 8), float("nan"))
        return around[:, 1:-1, 1:-1, :, :channels].copy_(numbers)
    return numbers[:1].expand_as(numbers) if layout == "expanded" else numbers


def problem_of(case: Case, dtype: torch.dtype, device: torch.device, *, seed: int = 0) -> tuple[Problem, Tensor]:
    """Return a call with random numbers, its queries whole, and an output's gradient."""
    generator = torch.Generator(device).manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device).to(dtype)

    pixels = (case.batch, *case.size, case.heads)
    table = (*((case.heads,) if case.per_head else ()), case.kernel_size, case.depth)
    query, key = (laid_out(random(*pixels, case.depth), case.layout) for _ in range(2))
    value = laid_out(random(*pixels, case.value_depth), case.layout)
    rows, cols = random(*table), random(*table)
    problem = Problem(
        query=query,
        key=key if case.has_key else None,
        value=value,
        rel_rows=rows if case.has_tables else None,
        rel_cols=cols if case.has_tables else None,
        kernel_size=case.kernel_size,
        stride=case.stride,
        scale=case.scale,
        padding=case.padding,
    )
    seen = value[:, :: case.stride, :: case.stride]
    return problem, laid_out(random(*seen.shape), case.layout)


@dataclasses.dataclass(frozen=True)
class Finding:
    """Result of one check."""

    name: str
    passed: bool
    detail: str


def plain_results(problem: Problem, grad_out: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Output and gradients of what there is, by the plain form in a type."""
    tensors = (problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols)
    query, key, value, rows, cols = (
        None if tensor is None else tensor.to(dtype).contiguous().requires_grad_() for tensor in tensors
    )
    assert query is not None
    assert value is not None
    out = local_attention(
        query,
        key,
        value,
        rows,
        cols,
        kernel_size=problem.kernel_size,
        stride=problem.stride,
        scale=problem.scale,
        padding=problem.padding,
        backend="naive",
    )
    present = [tensor for tensor in (query, key, value, rows, cols) if tensor is not None]
    first, *others = torch.autograd.grad(out, present, grad_out.to(dtype))
    return [out.detach(), first[:, :: problem.stride, :: problem.stride], *others]


def kernel_results(problem: Problem, grad_out: Tensor, plan: Planner) -> list[Tensor]:
    """Return the same by the kernels."""
    strided = dataclasses.replace(problem, query=problem.query[:, :: problem.stride, :: problem.stride])
    out, lse = triton_forward(strided, plan)
    gradients = triton_backward(strided, out, lse, grad_out, plan)
    return [out, *(gradient for gradient in gradients if gradient is not None)]


def relative_error(ours: Tensor, exact: Tensor) -> float:
    """Return the norm of the difference over that of the right result, at least a thousandth a number."""
    if not exact.numel():
        return 0.0
    size: float = max(exact.norm().item(), 1e-3 * exact.numel() ** 0.5)
    difference: float = (ours.double() - exact).norm().item()
    return difference / size


def check_case(case: Case, dtype: torch.dtype, device: torch.device, plan_name: str, plan: Planner) -> Finding:
    """Compare all results of one case with float64."""
    name = f"{str(dtype).removeprefix('torch.')} {plan_name} {case.name}"
    problem, grad_out = problem_of(case, dtype, device)
    tensors = (problem.value, problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols)
    names = [name for name, tensor in zip(NAMES, tensors, strict=True) if tensor is not None]
    exact = plain_results(problem, grad_out, torch.float64)
    plain = plain_results(problem, grad_out, dtype)
    return compared(name, names, kernel_results(problem, grad_out, plan), plain, exact)


def compared(name: str, names: list[str], ours: list[Tensor], plain: list[Tensor], exact: list[Tensor]) -> Finding:
    """Hold the errors of our results against those of the plain form in the same type."""
    dtype = ours[0].dtype
    errors = {
        n: (relative_error(o, e), relative_error(p, e)) for n, o, p, e in zip(names, ours, plain, exact, strict=True)
    }
    wrong = {n: e for n, e in errors.items() if not e[0] <= max(ALLOWED * e[1], SLACK[dtype])}
    worst = max(wrong or errors, key=lambda n: errors[n][0])
    detail = f"{worst} {errors[worst][0]:.1e}, plain form {errors[worst][1]:.1e}"
    return Finding(name, not wrong, detail + (f"; wrong: {', '.join(wrong)}" if wrong else ""))


def types_on(device: torch.device) -> list[torch.dtype]:
    """Return the types of the kernels; the interpreter computes bfloat16 wrongly."""
    return [torch.float32, torch.float16] + ([torch.bfloat16] if device.type == "cuda" else [])


def checks_of_cases(device: torch.device, *, small: bool) -> Iterator[Callable[[], Finding]]:
    """Every case in every type, by the kernels that would be chosen and by the others that could run."""
    for case in cases(small=small):
        tiles = case.stride == 1 and max(case.depth, case.value_depth) <= 64
        for dtype in types_on(device):
            plans: dict[str, Planner] = {"chosen": choose_plan}
            if dtype != torch.float32 and tiles:
                plans |= {"direct": direct_plan, "tile": tile_plan}
            for plan_name, plan in plans.items():
                yield partial(check_case, case, dtype, device, plan_name, plan)
