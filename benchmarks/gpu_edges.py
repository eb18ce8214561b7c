"""Checks beyond ordinary inputs: reruns, logits at the end of float16, huge maps, autograd, compilers, refusals."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from gpu_correctness import Case, Finding, kernel_results, plain_results, problem_of, relative_error
from torch import Tensor

from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.ops import local_attention
from sasa_nas.ops.local_attention.triton_launch import Planner
from sasa_nas.ops.local_attention.triton_plan import choose_plan, direct_plan, tile_plan

PLANS: dict[str, Planner] = {"chosen": choose_plan, "direct": direct_plan, "tile": tile_plan}


def checks_of_edges(device: torch.device, *, small: bool) -> Iterator[Callable[[], Finding]]:
    """All of them, cheap ones first; on a GPU also those that need one."""
    for name in PLANS:
        yield partial(same_bits, device, name, small=small)
        yield partial(steep_logits, device, name, small=small)
        yield partial(huge_logits, device, name, small=small)
    yield partial(operator_and_autograd, device)
    yield partial(refusals, device)
    if device.type == "cuda":
        yield partial(without_windows_in_memory, device)
        yield partial(compiled_layer, device)
        yield partial(more_than_2_to_the_31_elements, device)


def same_bits(device: torch.device, plan: str, *, small: bool) -> Finding:
    """Check that a second run gives the same bits, after other data were in the memory."""
    case = Case((3, 4), 3, 2, 4, 4, 1) if small else Case((28, 28), batch=8)
    problem, grad_out = problem_of(case, torch.float16, device)
    first = kernel_results(problem, grad_out, PLANS[plan])
    kernel_results(*problem_of(case, torch.float16, device, seed=1), PLANS[plan])
    again = kernel_results(problem, grad_out, PLANS[plan])
    differing = sum(not torch.equal(one, other) for one, other in zip(first, again, strict=True))
    return Finding(f"same bits, {plan}", not differing, f"{differing} of {len(first)} results differ")


def steep_logits(device: torch.device, plan: str, *, small: bool) -> Finding:
    """Check logits near 6e4, the end of float16, of queries that are one key of many: its value is the output."""
    size, channels = (3, 8) if small else (14, 16)
    generator = torch.Generator(device).manual_seed(0)
    vectors = torch.randn(1, size, size, 2, channels, generator=generator, device=device)
    query = (vectors / vectors.norm(dim=-1, keepdim=True) * 6e4**0.5).half()
    case = Case((size, size), 3, 2, channels, channels, 1, scale=1.0, has_tables=False)
    problem, grad_out = problem_of(case, torch.float16, device)
    steep = replace(problem, query=query, key=query)
    out, *gradients = kernel_results(steep, grad_out, PLANS[plan])
    finite = all(bool(tensor.isfinite().all()) for tensor in (out, *gradients))
    error = relative_error(out, problem.value.double())
    return Finding(f"logits of 6e4, {plan}", finite and error < 1e-3, f"finite: {finite}, error {error:.1e}")


def huge_logits(device: torch.device, plan: str, *, small: bool) -> Finding:
    """Check logits of 1e10, as of a network that diverges: the largest takes all, and gradients are finite."""
    case = Case((3, 4), 3, 2, 4, 4, 1) if small else Case((14, 14))
    problem, grad_out = problem_of(case, torch.float32, device)
    assert problem.key is not None
    huge = replace(problem, query=problem.query * 1e5, key=problem.key * 1e5)
    out, *gradients = kernel_results(huge, grad_out, PLANS[plan])
    exact, *_ = plain_results(huge, grad_out, torch.float64)
    finite = all(bool(tensor.isfinite().all()) for tensor in gradients)
    error = relative_error(out, exact)
    return Finding(f"logits of 1e10, {plan}", finite and error < 1e-3, f"gradients finite: {finite}, error {error:.1e}")


def operator_and_autograd(device: torch.device) -> Finding:
    """Check that the gradients by torch's operator are the plain form's, strided and expanded ones too."""
    case = Case((5, 6), 3, 2, 4, 4, 1)
    problem, _ = problem_of(case, torch.float32, device)
    results = []
    for backend in ("triton", "naive"):
        tensors = (problem.query, problem.key, problem.value, problem.rel_rows, problem.rel_cols)
        leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors if tensor is not None]
        out = local_attention(*leaves, kernel_size=3, backend=backend)
        # the gradient of a sum is one number expanded over the output
        gradients = torch.autograd.grad(out[..., ::2].sum(), leaves)
        results.append([out.detach(), *gradients])
    worst = max(relative_error(one, other.double()) for one, other in zip(*results, strict=True))
    return Finding("operator and autograd", worst < 1e-5, f"largest error {worst:.1e}")


def refusals(device: torch.device) -> Finding:
    """Check that float64, which has no kernels, and arguments that do not fit are refused by name."""
    maps = torch.zeros(1, 4, 4, 1, 4, device=device)
    messages = []
    for arguments, options in (
        ((maps.double(),) * 3, {"kernel_size": 3, "backend": "triton"}),
        ((maps, maps[:, 1:], maps), {"kernel_size": 3}),
        ((maps,) * 3, {"kernel_size": 4}),
    ):
        try:
            local_attention(*arguments, **options)
            messages.append("nothing")
        except ValueError as error:
            messages.append(str(error))
    wanted = ("float64", "key", "kernel_size")
    passed = all(word in message for word, message in zip(wanted, messages, strict=True))
    return Finding("refusals", passed, "; ".join(messages))


def without_windows_in_memory(device: torch.device) -> Finding:
    """Check that training takes a few maps of memory, where windows laid out would take 49."""
    case = Case((28, 28), batch=32)
    problem, grad_out = problem_of(case, torch.bfloat16, device)
    map_bytes = grad_out.numel() * grad_out.element_size()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    kernel_results(problem, grad_out, choose_plan)
    torch.cuda.synchronize()
    maps = (torch.cuda.max_memory_allocated() - before) / map_bytes
    return Finding("memory", maps < 8, f"{maps:.1f} maps at the peak, of which 4 are results")


def compiled_layer(device: torch.device) -> Finding:
    """Check that a compiled layer is one graph, channels_last, with the gradients of the layer itself."""
    torch.manual_seed(0)
    layer = LocalAttention2d(64, 64).to(device).to(memory_format=torch.channels_last)
    image = torch.randn(4, 64, 14, 14, device=device).to(memory_format=torch.channels_last)
    results: list[list[Tensor]] = []
    for network in (layer, torch.compile(layer, fullgraph=True)):
        layer.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            out = network(image)
        out.float().square().sum().backward()
        grads = [parameter.grad.clone() for parameter in layer.parameters() if parameter.grad is not None]
        results.append([out.detach(), *grads])
    worst = max(relative_error(one, other.double()) for one, other in zip(*results, strict=True))
    last = bool(results[0][0].is_contiguous(memory_format=torch.channels_last))
    return Finding("compiled layer", worst < 2e-2 and last, f"largest difference {worst:.1e}, channels_last: {last}")


def more_than_2_to_the_31_elements(device: torch.device) -> Finding:
    """Check that the last images of a batch of 2^31 elements are computed as they are alone."""
    case = Case((56, 56), depth=8, value_depth=8, batch=2)
    batch = 2**31 // (56 * 56 * 64) + 4
    free, _ = torch.cuda.mem_get_info()
    if free < 20 * batch * 56 * 56 * 64:
        return Finding("2^31 elements", True, f"left out: {free / 2**30:.0f} GiB of memory are free")
    small, _ = problem_of(case, torch.bfloat16, device)
    maps = torch.zeros(3, batch, 56, 56, 8, 8, dtype=torch.bfloat16, device=device)
    for whole, part in zip(maps, (small.query, small.key, small.value), strict=True):
        assert part is not None
        whole[-2:] = part
    differing = []
    for name, plan in PLANS.items():
        large = replace(small, query=maps[0], key=maps[1], value=maps[2])
        grad_out = small.value[:1, :1, :1, :1, :1].expand_as(maps[2])
        theirs = kernel_results(large, grad_out, plan)
        ours = kernel_results(small, grad_out[-2:], plan)
        # the tables' gradients have all images in them
        equal = [torch.equal(one, other[-2:]) for one, other in zip(ours[:4], theirs[:4], strict=True)]
        differing += [name] * (not all(equal))
        del theirs
    return Finding("2^31 elements", not differing, f"{batch} images; wrong: {', '.join(differing) or 'none'}")
