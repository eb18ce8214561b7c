"""Pairwise attention's forms against its plain form in float64, which tests of the layer hold against loops."""

import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from assertions import every
from other_processors import PROCESSORS, compiled_with
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.ops import MappingLayer, PairwiseKind, pairwise_attention
from sasa_nas.ops.pairwise_attention import dispatch
from sasa_nas.ops.pairwise_attention.composed import composed_attention
from sasa_nas.ops.pairwise_attention.cpu import cpu_cannot
from sasa_nas.ops.pairwise_attention.library import apply_operator, pairwise_attention_operator
from sasa_nas.ops.pairwise_attention.problem import Problem

KINDS: tuple[PairwiseKind, ...] = get_args(PairwiseKind)
WHY = cpu_cannot()
needs_a_compiler = pytest.mark.skipif(WHY is not None, reason=f"the loops cannot run: {WHY}")


def problem(
    kind: PairwiseKind = "subtraction",
    *,
    size: tuple[int, int] = (4, 5),
    kernel_size: int = 3,
    layers: int = 2,
    training: bool = True,
    positions: int = 2,
    channels: int = 3,
    widths: tuple[int, int, int] = (5, 3, 6),
    batch: int = 2,
) -> Problem:
    """A problem in float64; `widths` are those of the hidden layer, of the weights and of the values."""
    drawn = torch.Generator().manual_seed(len(kind) + size[0])

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=drawn)

    hidden, weights, values = widths
    before = {"concatenation": 2 * channels, "dot": 1}.get(kind, channels) + positions
    mapping = []
    for number, after in enumerate([hidden] * (layers - 1) + [weights], start=1):
        statistics = (None, None) if training else (random(before) * 0.1, random(before).square() + 0.5)
        norm = (random(before).abs() + 0.5, random(before))
        bias = random(after) if number == layers else None
        mapping.append(MappingLayer(*norm, *statistics, random(after, before) / before**0.5, bias, 1e-5))
        before = after
    maps = (random(batch, channels + positions, *size) for _ in range(2))
    return Problem(*maps, random(batch, values, *size), tuple(mapping), kernel_size, kind, positions)


def float32(double: Problem, memory_format: torch.memory_format = torch.contiguous_format) -> Problem:
    maps = (maps.float().contiguous(memory_format=memory_format) for maps in (double.query, double.key, double.value))
    names = ("norm_weight", "norm_bias", "mean", "variance", "weight", "bias")
    mapping = [
        replace(layer, **{name: getattr(layer, name).float() for name in names if getattr(layer, name) is not None})
        for layer in double.mapping
    ]
    return Problem(*maps, tuple(mapping), double.kernel_size, double.kind, double.positions)


def differentiable(given: Problem) -> tuple[Problem, list[Tensor]]:
    """The problem with leaves for its maps and parameters, and these."""
    leaves = [maps.detach().requires_grad_() for maps in (given.query, given.key, given.value)]
    mapping = []
    for layer in given.mapping:
        names = [name for name in ("norm_weight", "norm_bias", "weight", "bias") if getattr(layer, name) is not None]
        parts = {name: getattr(layer, name).detach().requires_grad_() for name in names}
        leaves += parts.values()
        mapping.append(replace(layer, **parts))
    changed = replace(given, query=leaves[0], key=leaves[1], value=leaves[2], mapping=tuple(mapping))
    return changed, leaves


def results(given: Problem, backend: dispatch.Backend, grad_out: Tensor) -> list[Tensor]:
    """The output, the statistics, and all gradients."""
    given, leaves = differentiable(given)
    out, statistics = pairwise_attention(
        *(given.query, given.key, given.value, given.mapping),
        kernel_size=given.kernel_size,
        kind=given.kind,
        positions=given.positions,
        backend=backend,
    )
    found = [part for each in statistics for part in (each.mean, each.variance)]
    return [out.detach(), *found, *torch.autograd.grad(out, leaves, grad_out)]


def arguments(given: Problem, form: str) -> tuple[Tensor | int | float | str | None, ...]:
    """Those of the operator, for a problem that uses the batch's statistics."""
    of_layer = [(layer.norm_weight, layer.norm_bias, None, None, layer.weight) for layer in given.mapping]
    first, second = of_layer if len(of_layer) == 2 else (*of_layer, (None,) * 5)
    tensors = (given.query, given.key, given.value, *first, *second, given.mapping[-1].bias)
    return (*tensors, given.kernel_size, given.kind, given.positions, 1e-5, 1e-5, form)


def assert_close(ours: list[Tensor], exact: list[Tensor], tolerance: float) -> None:
    for one, other in zip(ours, exact, strict=True):
        largest = max(other.abs().max().item(), 1.0)
        torch.testing.assert_close(one.double(), other.double(), rtol=0, atol=tolerance * largest)


SIZES = [((4, 5), 3), ((3, 2), 7), ((1, 1), 3), ((5, 19), 5), ((16, 16), 3), ((2, 33), 3)]
"""Maps and windows: small, smaller than the window, of one pixel, odd, whole vectors, rows longer than vectors."""


@needs_a_compiler
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_loops_agree_with_the_plain_form(kind: PairwiseKind, layers: int, training: bool) -> None:
    for number, (size, kernel_size) in enumerate(SIZES):
        positions = 2 * (number % 2)
        exact = problem(kind, size=size, kernel_size=kernel_size, layers=layers, training=training, positions=positions)
        layout = torch.channels_last if number % 3 else torch.contiguous_format
        drawn = torch.Generator().manual_seed(number)
        grad_out = torch.randn(exact.value.shape, dtype=torch.float64, generator=drawn)
        grad_out = grad_out.transpose(2, 3).contiguous().transpose(2, 3)
        expected = results(exact, "naive", grad_out)
        assert_close(results(float32(exact, layout), "cpu", grad_out.float()), expected, 5e-5)


@needs_a_compiler
@pytest.mark.parametrize(("channels", "widths"), [(1, (1, 1, 1)), (9, (7, 5, 15)), (20, (17, 6, 66))])
def test_widths_of_every_remainder(channels: int, widths: tuple[int, int, int]) -> None:
    exact = problem(size=(5, 6), channels=channels, widths=widths)
    grad_out = torch.randn(exact.value.shape[:1], dtype=torch.float64)[:, None, None, None].expand(exact.value.shape)
    assert_close(results(float32(exact), "cpu", grad_out.float()), results(exact, "naive", grad_out), 5e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_without_a_fast_form_agrees(kind: PairwiseKind, training: bool) -> None:
    given, leaves = differentiable(problem(kind, training=training))
    out, statistics = apply_operator(given, "composed")
    expected, expected_statistics = composed_attention(given, "auto")
    grad_out = torch.randn_like(out)
    found = [part for each in statistics for part in (each.mean, each.variance)]
    wanted = [part for each in expected_statistics for part in (each.mean, each.variance)]
    ours = [out.detach(), *found, *torch.autograd.grad(out, leaves, grad_out)]
    assert_close(ours, [expected.detach(), *wanted, *torch.autograd.grad(expected, leaves, grad_out)], 1e-10)


@needs_a_compiler
def test_the_number_of_threads_changes_no_bit() -> None:
    given = float32(problem(size=(6, 17), batch=5))
    grad_out = torch.randn(given.value.shape)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = results(given, "cpu", grad_out)
        for count in (2, 7):
            torch.set_num_threads(count)
            assert every(map(torch.equal, results(given, "cpu", grad_out), alone))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ["subtraction", "dot"])
@pytest.mark.parametrize("layers", [1, 2])
def test_flops_are_those_of_the_plain_form(kind: PairwiseKind, layers: int) -> None:
    given, _ = differentiable(problem(kind, layers=layers, size=(9, 10)))
    counted = []
    for compute in (apply_operator, composed_attention):
        with FlopCounterMode(display=False) as counter:
            out, _ = compute(given, "auto")
        forward = counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            out.sum().backward()
        counted.append((forward, counter.get_total_flops()))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("layers", [1, 2])
def test_opcheck(layers: int) -> None:
    given, _ = differentiable(float32(problem(layers=layers, size=(3, 4))))
    torch.library.opcheck(torch.ops.sasa_nas.pairwise_attention.default, arguments(given, "auto"))


@needs_a_compiler
def test_keeps_nothing_as_large_as_all_windows() -> None:
    given, _ = differentiable(float32(problem(size=(20, 20), kernel_size=7)))
    largest = max(maps.numel() for maps in (given.query, given.value))
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda x: x):
        apply_operator(given, "cpu")
    assert kept
    assert max(kept) <= largest


def test_bad_arguments_are_named() -> None:
    given = problem()
    layer = given.mapping[0]

    def attend(changed: Problem, **options: int | str) -> None:
        arguments = {"kernel_size": 3, "kind": "subtraction", "positions": 2, **options}
        pairwise_attention(changed.query, changed.key, changed.value, changed.mapping, **arguments)

    wrong: list[tuple[str, Problem, dict[str, int | str]]] = [
        ("kernel_size", given, {"kernel_size": 2}),
        ("kind", given, {"kind": "star"}),
        ("positions", given, {"positions": 5}),
        ("key must have the shape", replace(given, key=given.key[:, :-1]), {}),
        ("type of query", replace(given, value=given.value.float()), {}),
        ("value must be", replace(given, value=given.value[:1]), {}),
        ("mapping must have at least one layer", replace(given, mapping=()), {}),
        (r"mapping\[0\].weight", replace(given, mapping=(replace(layer, weight=layer.weight[:, 1:]),)), {}),
        (r"mapping\[0\].norm_bias", replace(given, mapping=(replace(layer, norm_bias=layer.norm_bias[1:]),)), {}),
        (r"mapping\[0\].weight must be", replace(given, mapping=(replace(layer, weight=layer.weight.float()),)), {}),
        ("divides the 5 channels", replace(given, value=given.value[:, :5]), {}),
        ("cpu", given, {"backend": "cpu"}),
        ("backend", given, {"backend": "dense"}),
        ("one or two layers", problem(layers=3), {"backend": "cpu"}),
    ]
    for match, changed, options in wrong:
        with pytest.raises(ValueError, match=match):
            attend(changed, **options)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        attend(problem(size=(1, 1), batch=1), kernel_size=1)


@needs_a_compiler
def test_works_in_a_forked_child() -> None:
    given = float32(problem(size=(6, 7), batch=3))
    grad_out = torch.randn(given.value.shape)
    expected = results(given, "cpu", grad_out)
    child = os.fork()
    if child == 0:
        # the parent's threads are not there
        outs = pairwise_attention_operator(*arguments(given, "cpu"))
        os._exit(0 if torch.equal(outs[0], expected[0]) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
@needs_a_compiler
@pytest.mark.parametrize("options", PROCESSORS)
def test_other_processors(options: str, tmp_path: Path) -> None:
    with compiled_with(options, tmp_path):
        why = cpu_cannot()
        if why is not None:
            pytest.skip(f"this compiler cannot: {why}")
        for kind in ("subtraction", "hadamard", "dot"):
            for size, kernel_size in (((5, 9), 3), ((4, 33), 5), ((3, 2), 7)):
                exact = problem(kind, size=size, kernel_size=kernel_size)
                grad_out = torch.randn(exact.value.shape, dtype=torch.float64)
                expected = results(exact, "naive", grad_out)
                assert_close(results(float32(exact), "cpu", grad_out.float()), expected, 5e-5)
