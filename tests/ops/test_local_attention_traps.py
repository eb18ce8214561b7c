"""What window attention must not stumble over, for every form that runs on a CPU; where else each trap is tested:

- Even windows and those below one, unequal shapes, devices and types, heads without channels:
  `test_ops_local_attention.test_bad_arguments_are_named` and `test_more_bad_arguments_are_named` here.
- An empty batch: `test_an_empty_batch_has_gradients` here; kernels: `test_triton_interpreter` (`batch` of `CASES`).
- Windows larger than the map: `test_ops_local_attention` (loops of the definition) and, with gradients, `test_edges`
  here, `test_local_attention_cpu` and `test_triton_interpreter.test_windows_larger_than_the_map`.
- Maps of one row or column: `test_edges` here; `test_triton_interpreter.test_windows_larger_than_the_map`.
- NaN around the maps in memory, strided and expanded inputs and gradients: `test_any_layout_of_maps_and_gradients`
  here; `test_triton_interpreter.test_any_layout_of_maps_and_gradients`; bad numbers inside maps:
  `test_local_attention_cpu`.
- More than 2^31 elements: `test_maps_of_more_than_2_to_the_31_elements` here and in `test_triton_interpreter`; on a GPU
  `make gpu-check`.
- Logits near the end of float16: `test_logits_near_the_end_of_float16` here and in `test_triton_interpreter`; on a GPU
  `make gpu-check`.
"""

from pathlib import Path

import pytest
import torch
from assertions import every
from torch import Tensor

from sasa_nas.ops import WindowPadding
from sasa_nas.ops import local_attention as attend
from sasa_nas.ops.local_attention.cpu import cpu_cannot
from sasa_nas.ops.local_attention.dispatch import Backend
from sasa_nas.ops.local_attention.naive import local_attention as naive_local_attention
from sasa_nas.ops.local_attention.problem import Problem

SMALL = Problem(*(torch.ones(1, 3, 3, 1, 2) for _ in range(3)), None, None, 3, 1, 1.0, "mask")
WHY = cpu_cannot(SMALL)
PLAIN: list[Backend] = ["naive", "dense", "slices"]
BACKENDS = [*PLAIN, pytest.param("cpu", marks=pytest.mark.skipif(WHY is not None, reason=f"loops: {WHY}"))]
PADDINGS: list[WindowPadding] = ["mask", "zeros"]


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def inputs(size: tuple[int, int], kernel_size: int, batch: int = 2) -> list[Tensor]:
    """Query, key, value and tables for 2 heads of 4 key and 3 value channels."""
    pixels = (batch, *size, 2)
    shapes = [(*pixels, 4), (*pixels, 4), (*pixels, 3), (kernel_size, 4), (kernel_size, 4)]
    return [random(*shape, seed=seed) for seed, shape in enumerate(shapes)]


def results(tensors: list[Tensor], grad_out: Tensor, **options: int | str | float) -> list[Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    out = attend(*leaves, **options)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad_out)]


def exactly(tensors: list[Tensor], grad_out: Tensor, **options: int | str | float) -> list[Tensor]:
    leaves = [tensor.detach().double().contiguous().requires_grad_() for tensor in tensors]
    out = naive_local_attention(*leaves, **options)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad_out.double())]


def assert_right(tensors: list[Tensor], grad_out: Tensor, backend: Backend, **options: int | str | float) -> None:
    exact = exactly(tensors, grad_out, **options)
    for ours, theirs in zip(results(tensors, grad_out, backend=backend, **options), exact, strict=True):
        size = max(theirs.abs().max().item(), 1.0)
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("size", "kernel_size"), [((1, 12), 5), ((12, 1), 5), ((1, 1), 7), ((2, 3), 9), ((1, 40), 3)])
def test_edges(size: tuple[int, int], kernel_size: int, padding: WindowPadding, backend: Backend) -> None:
    grad_out = random(2, *size, 2, 3, seed=9)
    assert_right(inputs(size, kernel_size), grad_out, backend, kernel_size=kernel_size, padding=padding, scale=0.7)


def channels_first(heads: Tensor) -> Tensor:
    return heads.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)


def inside_nan(heads: Tensor) -> Tensor:
    """The same numbers with NaN around and between them."""
    wide = heads.new_full([2 * size + 2 for size in heads.shape], torch.nan)
    place = wide[tuple(slice(1, 2 * size + 1, 2) for size in heads.shape)]
    return place.copy_(heads)


def expanded(heads: Tensor) -> Tensor:
    return heads[:1].expand_as(heads)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("lay_out", [channels_first, inside_nan, expanded])
def test_any_layout_of_maps_and_gradients(lay_out: object, padding: WindowPadding, backend: Backend) -> None:
    assert callable(lay_out)
    tensors = [lay_out(tensor) if tensor.dim() == 5 else tensor for tensor in inputs((4, 5), 3)]
    grad_out = lay_out(random(2, 4, 5, 2, 3, seed=9))
    assert_right(tensors, grad_out, backend, kernel_size=3, padding=padding)
    # the gradient of a sum is one number
    assert_right(tensors, torch.ones(()).expand(grad_out.shape), backend, kernel_size=3, padding=padding)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("padding", PADDINGS)
def test_an_empty_batch_has_gradients(padding: WindowPadding, backend: Backend) -> None:
    tensors = inputs((3, 4), 3, batch=0)
    found = results(tensors, torch.zeros(0, 3, 4, 2, 3), kernel_size=3, padding=padding, backend=backend)
    assert [tensor.shape for tensor in found] == [(0, 3, 4, 2, 3), *(tensor.shape for tensor in tensors)]
    assert not any(tensor.any() for tensor in found)


@pytest.mark.parametrize("backend", PLAIN)
@pytest.mark.parametrize("padding", PADDINGS)
def test_logits_near_the_end_of_float16(padding: WindowPadding, backend: Backend) -> None:
    vectors = random(1, 4, 5, 2, 8, seed=0)
    query = (vectors / vectors.norm(dim=-1, keepdim=True) * 6e4**0.5).half()
    value = random(1, 4, 5, 2, 8, seed=1).half()
    assert 5.5e4 < (query.double() ** 2).sum(-1).max() < 65504
    # a query is one of the keys, and far from all others
    found = results([query, query, value], torch.ones_like(value), kernel_size=3, padding=padding, backend=backend)
    torch.testing.assert_close(found[0], value, rtol=1e-3, atol=1e-3)
    assert every(tensor.isfinite().all() for tensor in found)


@pytest.mark.skipif(WHY is not None, reason=f"the loops cannot run: {WHY}")
def test_maps_of_more_than_2_to_the_31_elements(tmp_path: Path) -> None:
    tensors = inputs((4, 5), 3, batch=3)
    options = {"kernel_size": 3, "backend": "cpu"}
    grad_out = random(3, 4, 5, 2, 3, seed=9)
    far = 2**30 + 64
    # a sparse file, whose last image begins beyond 2^31 elements
    memory = torch.from_file(str(tmp_path / "far"), shared=True, size=3 * far, dtype=torch.float32)
    apart = [
        memory.as_strided(tensor.shape, (far, *tensor.stride()[1:]), storage_offset=i * 2**12).copy_(tensor)
        for i, tensor in enumerate(tensors[:3])
    ]
    for ours, theirs in zip(
        results([*apart, *tensors[3:]], grad_out, **options), results(tensors, grad_out, **options), strict=True
    ):
        assert torch.equal(ours, theirs)


ONE = torch.zeros(1, 2, 2, 1, 2)
TABLE = torch.zeros(3, 2)


@pytest.mark.parametrize("backend", ["auto", *PLAIN])
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("kernel_size", {"kernel_size": -1}),
        ("query", {"query": ONE[:, :0], "key": ONE[:, :0], "value": ONE[:, :0]}),
        ("key", {"query": ONE.half()}),
        ("value", {"value": ONE[..., :0]}),
        ("value", {"value": ONE[0]}),
        ("value", {"value": ONE.to("meta")}),
        ("rel_rows", {"rel_rows": TABLE.to("meta")}),
        ("rel_rows", {"rel_rows": TABLE.half()}),
        ("rel_rows", {"rel_rows": TABLE.expand(2, 3, 2)}),
    ],
)
def test_more_bad_arguments_are_named(name: str, changed: dict[str, Tensor | int], backend: Backend) -> None:
    good = {"query": ONE, "key": ONE, "value": ONE, "rel_rows": TABLE, "rel_cols": TABLE, "kernel_size": 3}
    with pytest.raises(ValueError, match=f"^{name} must"):
        attend(**{**good, **changed}, backend=backend)
