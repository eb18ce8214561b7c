"""What SAN's operators must not stumble over: autocast, forks, threads, poison, other processors, wrong arguments."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from assertions import every
from other_processors import PROCESSORS, compiled_with
from torch import Tensor

from sasa_nas.ops import PairwiseKind, aggregate, pairwise_relation, patchwise_relation
from sasa_nas.ops.aggregation.library import aggregate_backward_operator, aggregate_operator
from sasa_nas.ops.aggregation.naive import aggregate as naive_aggregate
from sasa_nas.ops.relation import naive
from sasa_nas.ops.window_sums import cpu
from sasa_nas.ops.window_sums.cpu import cpu_cannot

CPU = torch.device("cpu")
WHY = cpu_cannot(CPU, torch.float32)
needs_a_compiler = pytest.mark.skipif(WHY is not None, reason=f"the loops cannot run: {WHY}")
BACKENDS = ["naive", "slices", pytest.param("cpu", marks=needs_a_compiler)]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def inputs(size: tuple[int, int] = (6, 7), kernel_size: int = 3, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of 2 channels, and two maps of 6."""
    weights = random(batch, 2, kernel_size**2, *size)
    return weights, random(batch, 6, *size, seed=1), random(batch, 6, *size, seed=2)


def results(backend: str, kernel_size: int, weights: Tensor, query: Tensor, key: Tensor) -> list[Tensor]:
    """Outputs and gradients of the sum and of a relation of every kind of arithmetic."""
    found = []
    leaves = [tensor.detach().requires_grad_() for tensor in (weights, key)]
    out = aggregate(*leaves, kernel_size=kernel_size, backend=backend)
    found += [out.detach(), *torch.autograd.grad(out.square().sum(), leaves)]
    for kind in ("subtraction", "hadamard", "dot", "concatenation"):
        leaves = [tensor.detach().requires_grad_() for tensor in (query, key)]
        out = pairwise_relation(*leaves, kernel_size=kernel_size, kind=kind, backend=backend)
        found += [out.detach(), *torch.autograd.grad(out.square().sum(), leaves)]
    return found


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@needs_a_compiler
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("width", [5, 21])
def test_the_number_of_threads_changes_no_bit(width: int) -> None:
    tensors = inputs((4, width), 5, batch=3)
    alone = results("cpu", 5, *tensors)
    for count in (2, 7):
        torch.set_num_threads(count)
        assert every(torch.equal(one, other) for one, other in zip(results("cpu", 5, *tensors), alone, strict=True))


@needs_a_compiler
def test_works_in_a_forked_child() -> None:
    weights, grad_out, value = inputs()

    def both_ways() -> list[Tensor]:
        out = aggregate_operator(weights, value, 3, "cpu")
        return [out, *aggregate_backward_operator(grad_out, weights, value, 3, "cpu")]

    # threads of the parent, which the child has not
    expected = both_ways()
    child = os.fork()
    if child == 0:
        same = all(torch.equal(one, other) for one, other in zip(both_ways(), expected, strict=True))
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
@needs_a_compiler
@pytest.mark.parametrize("options", PROCESSORS)
def test_other_processors(options: str, tmp_path: Path) -> None:
    with compiled_with(options, tmp_path):
        why = cpu_cannot(CPU, torch.float32)
        if why is not None:
            pytest.skip(f"this compiler cannot: {why}")
        for size, kernel_size in (((5, 9), 3), ((4, 33), 5), ((3, 2), 7), ((1, 17), 3)):
            tensors = inputs(size, kernel_size, batch=1)
            exact = results("naive", kernel_size, *(tensor.double() for tensor in tensors))
            for ours, theirs in zip(results("cpu", kernel_size, *tensors), exact, strict=True):
                largest = max(theirs.abs().max().item(), 1.0)
                torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=3e-6 * largest)


def seen_from(size: tuple[int, int], kernel_size: int, y: int, x: int) -> Tensor:
    """Where windows show the pixel: `(kernel_size**2, H, W)`."""
    marked = torch.zeros(1, 1, *size)
    marked[0, 0, y, x] = 1
    ones = torch.zeros(1, 1, *size)
    return naive.pairwise_relation(ones, marked, kernel_size=kernel_size, kind="sum")[0, 0] != 0


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("width", [9, 20])
@pytest.mark.parametrize("kind", ["sum", "subtraction", "hadamard"])
def test_a_nan_stays_in_the_windows_that_show_it(kind: PairwiseKind, width: int, backend: str) -> None:
    size, bad = (5, width), (1, 7)
    query, key = random(2, 3, *size), random(2, 3, *size, seed=1)
    clean = pairwise_relation(query, key, kernel_size=3, kind=kind, backend=backend)
    key[0, 1, *bad] = torch.nan
    out = pairwise_relation(query, key, kernel_size=3, kind=kind, backend=backend)
    poisoned = torch.zeros_like(out, dtype=torch.bool)
    poisoned[0, 1] = seen_from(size, 3, *bad)
    assert torch.equal(out.isnan(), poisoned)
    assert torch.equal(out[~poisoned], clean[~poisoned])


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("width", [9, 20])
def test_a_poisoned_gradient_reaches_its_window_alone(width: int, backend: str) -> None:
    size = (5, width)
    weights, value = random(2, 1, 9, *size).requires_grad_(), random(2, 3, *size).requires_grad_()
    grad_out = random(2, 3, *size, seed=1)
    grad_out[0, 1, 2, 7] = torch.nan
    out = aggregate(weights, value, kernel_size=3, backend=backend)
    grad_weights, grad_value = torch.autograd.grad(out, (weights, value), grad_out)
    poisoned = torch.zeros_like(grad_weights, dtype=torch.bool)
    poisoned[0, 0, :, 2, 7] = True
    assert torch.equal(grad_weights.isnan(), poisoned)
    poisoned = torch.zeros_like(grad_value, dtype=torch.bool)
    poisoned[0, 1, 1:4, 6:9] = True
    assert torch.equal(grad_value.isnan(), poisoned)


@pytest.mark.parametrize("backend", ["auto", "naive", "slices"])
def test_autocast_takes_weights_of_another_type(backend: str) -> None:
    weights, query, key = inputs()
    leaves = [weights.requires_grad_(), query.requires_grad_(), key.bfloat16().requires_grad_()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        summed = aggregate(leaves[0], leaves[2], kernel_size=3, backend=backend)
        related = pairwise_relation(leaves[1], leaves[2], kernel_size=3, kind="hadamard", backend=backend)
        described = patchwise_relation(leaves[1], leaves[2], kernel_size=3, kind="star", backend=backend)
    assert {out.dtype for out in (summed, related, described)} == {torch.bfloat16}
    exact = [leaf.detach().double() for leaf in leaves]
    for ours, theirs in (
        (summed, naive_aggregate(exact[0], exact[2], kernel_size=3)),
        (related, naive.pairwise_relation(exact[1], exact[2], kernel_size=3, kind="hadamard")),
        (described, naive.patchwise_relation(exact[1], exact[2], kernel_size=3, kind="star")),
    ):
        torch.testing.assert_close(ours.double(), theirs, rtol=0.02, atol=0.1)
    (summed.sum() + related.sum() + described.sum()).backward()
    assert [leaf.grad.dtype for leaf in leaves] == [leaf.dtype for leaf in leaves]


def test_autocast_leaves_float64_alone() -> None:
    weights, query, key = (tensor.double() for tensor in inputs())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert aggregate(weights, key, kernel_size=3).dtype == torch.float64
        assert pairwise_relation(query, key, kernel_size=3, kind="sum").dtype == torch.float64


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_batch_has_gradients(backend: str) -> None:
    found = results(backend, 3, *inputs(batch=0))
    assert every(tensor.numel() == 0 for tensor in found)
    assert [tuple(tensor.shape) for tensor in found[:3]] == [(0, 6, 6, 7), (0, 2, 9, 6, 7), (0, 6, 6, 7)]


MAPS = torch.zeros(1, 4, 3, 3)
WEIGHTS = torch.zeros(1, 2, 9, 3, 3)
Changed = dict[str, Tensor | int | str]


@pytest.mark.parametrize("backend", ["auto", "naive", "slices"])
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("kernel_size", {"kernel_size": 2}),
        ("kernel_size", {"kernel_size": 0}),
        ("kernel_size", {"kernel_size": -1}),
        ("value", {"value": MAPS[0]}),
        ("value", {"value": MAPS[:, :0]}),
        ("value", {"value": MAPS[:, :, :0], "weights": WEIGHTS[:, :, :, :0]}),
        ("weights", {"weights": WEIGHTS[:, :0]}),
        ("weights", {"weights": WEIGHTS[:, :, :8]}),
        ("weights", {"weights": WEIGHTS[..., :2]}),
        ("weights", {"weights": WEIGHTS.double()}),
        ("weights", {"weights": WEIGHTS.to("meta")}),
    ],
)
def test_bad_arguments_of_the_sum_are_named(name: str, changed: Changed, backend: str) -> None:
    good = {"weights": WEIGHTS, "value": MAPS, "kernel_size": 3, "backend": backend}
    aggregate(**good)
    with pytest.raises(ValueError, match=f"^{name} must"):
        aggregate(**{**good, **changed})


@pytest.mark.parametrize("backend", ["auto", "naive", "slices"])
@pytest.mark.parametrize("relation", [pairwise_relation, patchwise_relation])
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("kernel_size", {"kernel_size": 4}),
        ("kernel_size", {"kernel_size": 0}),
        ("kernel_size", {"kernel_size": -3}),
        ("query", {"query": MAPS[0]}),
        ("query", {"query": MAPS[:, :0], "key": MAPS[:, :0]}),
        ("query", {"query": MAPS[..., :0], "key": MAPS[..., :0]}),
        ("key", {"key": MAPS[:, :1]}),
        ("key", {"key": MAPS.half()}),
        ("key", {"key": MAPS.to("meta")}),
        ("kind", {"kind": "quotient"}),
    ],
)
def test_bad_arguments_of_relations_are_named(
    relation: Callable[..., Tensor], name: str, changed: Changed, backend: str
) -> None:
    good = {"query": MAPS, "key": MAPS, "kernel_size": 3, "kind": "concatenation", "backend": backend}
    relation(**good)
    with pytest.raises(ValueError, match=f"^{name} must"):
        relation(**{**good, **changed})


@needs_a_compiler
def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(dict[str, object]):
        def __missing__(self, name: str) -> object:
            return lambda job: 1

    monkeypatch.setattr(cpu, "load_library", lambda source: Broken())
    with pytest.raises(MemoryError, match="3x3"):
        aggregate(WEIGHTS, MAPS, kernel_size=3, backend="cpu")


@needs_a_compiler
def test_weights_of_more_than_2_to_the_31_elements(tmp_path: Path) -> None:
    weights, _, value = inputs(batch=3)
    expected = aggregate(weights, value, kernel_size=3, backend="cpu")
    far = 2**30 + 64
    # a sparse file, whose last image begins beyond 2^31 elements
    memory = torch.from_file(str(tmp_path / "far"), shared=True, size=3 * far, dtype=torch.float32)
    apart = memory.as_strided(weights.shape, (far, *weights.stride()[1:])).copy_(weights)
    assert torch.equal(aggregate(apart, value, kernel_size=3, backend="cpu"), expected)
