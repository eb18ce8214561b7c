"""The Triton kernels of window attention beside the plain form in float64: what an `Interpreter` is asked to call."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from sasa_nas.ops.local_attention.naive import local_attention as naive_local_attention
from sasa_nas.ops.local_attention.naive import window_logits
from sasa_nas.ops.local_attention.problem import Problem

Kind = Literal["direct", "tile", "chosen"]
Layout = Literal["channels_last", "channels_first", "inside_nan", "expanded"]
Terms = Literal["content", "relative", "both"]


@dataclass(frozen=True)
class Case:
    """One call of window attention; shapes are those of `naive.local_attention`."""

    kind: Kind
    height: int = 4
    width: int = 5
    kernel_size: int = 3
    batch: int = 1
    heads: int = 2
    depth: int = 4
    value_depth: int = 4
    stride: int = 1
    scale: float = 0.5
    padding: Literal["mask", "zeros"] = "mask"
    terms: Terms = "both"
    per_head: bool = False
    dtype: Literal["float32", "float16"] = "float32"
    layout: Layout = "channels_last"
    magnitude: float = 1.0


def laid_out(numbers: Tensor, layout: Layout) -> Tensor:
    """The same map of heads `(B, H, W, heads, channels)` in another memory layout."""
    if layout == "channels_first":
        return numbers.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)
    if layout == "inside_nan":
        batch, height, width, heads, channels = numbers.shape
        around = numbers.new_full((batch, height + 2, width + 2, heads, channels + 3), float("nan"))
        inner = around[:, 1:-1, 1:-1, :, :channels]
        return inner.copy_(numbers)
    return numbers[:1].expand_as(numbers) if layout == "expanded" else numbers


def problem_of(case: Case) -> tuple[Problem, Tensor]:
    """The case's call, with the map of queries whole, and a gradient of its output."""
    generator = torch.Generator().manual_seed(0)
    dtype = getattr(torch, case.dtype)

    def random(*shape: int) -> Tensor:
        return (torch.randn(shape, generator=generator) * case.magnitude).to(dtype)

    pixels = (case.batch, case.height, case.width, case.heads)
    table = (*((case.heads,) if case.per_head else ()), case.kernel_size, case.depth)
    query, key, value = random(*pixels, case.depth), random(*pixels, case.depth), random(*pixels, case.value_depth)
    rows, cols = random(*table), random(*table)
    problem = Problem(
        query=laid_out(query, case.layout),
        key=None if case.terms == "relative" else laid_out(key, case.layout),
        value=laid_out(value, case.layout),
        rel_rows=None if case.terms == "content" else rows,
        rel_cols=None if case.terms == "content" else cols,
        kernel_size=case.kernel_size,
        stride=case.stride,
        scale=case.scale,
        padding=case.padding,
    )
    seen = value[:, :: case.stride, :: case.stride]
    return problem, laid_out(torch.randn(seen.shape, generator=generator).to(dtype), case.layout)


def exact(problem: Problem, grad_out: Tensor) -> list[Tensor]:
    """Output, log-sum-exp and the gradients of what there is, by the plain form in float64."""
    tensors = (problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols)
    query, key, value, rows, cols = (
        None if tensor is None else tensor.double().contiguous().requires_grad_() for tensor in tensors
    )
    step = problem.stride
    options = {"kernel_size": problem.kernel_size, "stride": step, "scale": problem.scale, "padding": problem.padding}
    out = naive_local_attention(query, key, value, rows, cols, **options)
    logits = window_logits(query[:, ::step, ::step], key, rows, cols, size=query.shape[1:3], **options)
    present = [tensor for tensor in (query, key, value, rows, cols) if tensor is not None]
    gradients = list(torch.autograd.grad(out, present, grad_out.double()))
    gradients[0] = gradients[0][:, ::step, ::step]
    return [out.detach(), logits.flatten(-2).logsumexp(-1).detach(), *gradients]


def computed(problem: Problem, grad_out: Tensor, kind: Kind) -> list[Tensor]:
    """The same by the kernels; what they do not write is NaN."""
    from sasa_nas.ops.local_attention.triton_launch import triton_backward, triton_forward
    from sasa_nas.ops.local_attention.triton_plan import choose_plan, direct_plan, tile_plan

    # memory that is not written to stays NaN
    torch.use_deterministic_algorithms(True)
    # rows that are not there divide by zero, and are not written
    warnings.simplefilter("ignore", RuntimeWarning)
    plan = {"direct": direct_plan, "tile": tile_plan, "chosen": choose_plan}[kind]
    strided = replace(problem, query=problem.query[:, :: problem.stride, :: problem.stride])
    out, lse = triton_forward(strided, plan)
    gradients = triton_backward(strided, out, lse, grad_out, plan)
    return [out, lse, *(gradient for gradient in gradients if gradient is not None)]


def errors(case: Case) -> list[float]:
    """The kernels' largest differences from the exact results, relative to the results' largest number or 1."""
    problem, grad_out = problem_of(case)
    pairs = zip(computed(problem, grad_out, case.kind), exact(problem, grad_out), strict=True)
    return [difference(ours, theirs) for ours, theirs in pairs]


def difference(ours: Tensor, theirs: Tensor) -> float:
    """NaN where either is NaN anywhere; 0 for empty tensors."""
    if ours.shape != theirs.shape:
        raise AssertionError(f"{tuple(ours.shape)} instead of {tuple(theirs.shape)}")
    if not ours.numel():
        return 0.0
    return ((ours.double() - theirs).abs().max() / theirs.abs().max().clamp(min=1.0)).item()


def errors_beside_the_plain_form(case: Case) -> list[tuple[float, float]]:
    """Relative errors, in norm, of the kernels' output and gradients, and of the plain form's in the same type."""
    problem, grad_out = problem_of(case)
    tensors = (problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols)
    leaves = [tensor.detach().requires_grad_() for tensor in tensors if tensor is not None]
    options = {"kernel_size": case.kernel_size, "scale": case.scale, "padding": case.padding}
    out = naive_local_attention(*leaves, **options)
    plain = [out.detach(), *torch.autograd.grad(out, leaves, grad_out)]
    right, _, *gradients = exact(problem, grad_out)
    ours, _, *our_gradients = computed(problem, grad_out, case.kind)
    return [
        tuple(float((tensor.double() - truth).norm() / truth.norm()) for tensor in pair)
        for *pair, truth in zip([ours, *our_gradients], plain, [right, *gradients], strict=True)
    ]


def reruns_differ(case: Case) -> bool:
    """Whether a second run of the kernels gives other bits."""
    problem, grad_out = problem_of(case)
    first, second = (computed(problem, grad_out, case.kind) for _ in range(2))
    return not all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def error_of_the_operator(case: Case) -> float:
    """Of output and gradients through torch's operator and autograd, all options at their public places."""
    from sasa_nas.ops import local_attention

    problem, grad_out = problem_of(case)
    tensors = [problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols]
    leaves = [None if tensor is None else tensor.detach().requires_grad_() for tensor in tensors]
    out = local_attention(
        *leaves,
        kernel_size=case.kernel_size,
        stride=case.stride,
        scale=case.scale,
        padding=case.padding,
        backend="triton",
    )
    gradients = torch.autograd.grad(out, [leaf for leaf in leaves if leaf is not None], grad_out)
    first = gradients[0][:, :: case.stride, :: case.stride]
    expected_out, _, *expected = exact(problem, grad_out)
    pairs = zip([out, first, *gradients[1:]], [expected_out, *expected], strict=True)
    return max(difference(ours, theirs) for ours, theirs in pairs)


def errors_of_global_attention(case: Case) -> list[float]:
    """Whole-map attention by the kernels, through torch's operator and autograd, as `errors`; no kernel size."""
    from sasa_nas.ops import global_attention

    problem, grad_out = problem_of(case)
    generator = torch.Generator().manual_seed(1)
    sides = [2 * side - 1 for side in (case.height, case.width)] if case.terms == "both" else []
    tables = [torch.randn(side, case.depth, generator=generator).to(grad_out.dtype) for side in sides]
    inputs = [tensor for tensor in (problem.query, problem.key, problem.value, *tables) if tensor is not None]
    results = []
    for backend, dtype in (("triton", grad_out.dtype), ("naive", torch.float64)):
        leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in inputs]
        out = global_attention(*leaves, scale=case.scale, backend=backend)
        results.append([out.detach(), *torch.autograd.grad(out, leaves, grad_out.to(dtype))])
    return [difference(ours, theirs) for ours, theirs in zip(*results, strict=True)]


def error_far_apart(case: Case, folder: Path, *, axis: Literal[0, 1]) -> float:
    """The error where images (axis 0) or rows (axis 1) lie 2^31 elements apart, in a sparse file."""
    from sasa_nas.ops.local_attention.triton_launch import triton_forward
    from sasa_nas.ops.local_attention.triton_plan import choose_plan, tile_plan

    problem, grad_out = problem_of(case)
    pixels = problem.query.shape[axis]
    dtype = problem.query.dtype
    far = 2**31 // (pixels - 1) + 64
    memory = torch.from_file(str(folder / "far"), shared=True, size=far * pixels, dtype=dtype)
    strides = list(problem.query.stride())
    strides[axis] = far
    maps = []
    for i, tensor in enumerate((problem.query, problem.key, problem.value)):
        assert tensor is not None
        place = memory.as_strided(tensor.shape, strides, storage_offset=i * 2**15)
        maps.append(place.copy_(tensor))
    query, key, value = maps
    apart = Problem(
        query, key, value, problem.rel_rows, problem.rel_cols, case.kernel_size, 1, case.scale, case.padding
    )
    out, _ = triton_forward(apart, tile_plan if case.kind == "tile" else choose_plan)
    return difference(out, exact(problem, grad_out)[0])
