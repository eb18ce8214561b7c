"""Patchwise attention as an operator of torch's library: checks, compilers, export, FLOPs, memory."""

from typing import get_args

import pytest
import torch
from patchwise_problems import Sizes, case, channels_last
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.ops import MappingLayer, PatchwiseKind
from sasa_nas.ops.patchwise_attention.dispatch import explain_choice
from sasa_nas.ops.patchwise_attention.library import (
    operator_arguments,
    patchwise_attention_backward_operator,
    patchwise_attention_operator,
)
from sasa_nas.ops.patchwise_attention.problem import Problem

WHY = explain_choice(torch.device("cpu"))
needs_a_compiler = pytest.mark.skipif(WHY[0] != "cpu", reason=f"the loops cannot run: {WHY[1]}")
KINDS: tuple[PatchwiseKind, ...] = get_args(PatchwiseKind)


def problem_of(sizes: Sizes) -> Problem:
    """In float32, every tensor a leaf that asks for gradients but for statistics."""
    made = case(sizes)
    maps = [channels_last(tensor.float()).requires_grad_() for tensor in made.maps]
    layers = []
    for parameters in made.layers:
        tensors = [None if tensor is None else tensor.float() for tensor in parameters]
        asked = [
            tensor if tensor is None or i in (2, 3) else tensor.requires_grad_() for i, tensor in enumerate(tensors)
        ]
        layers.append(MappingLayer(*asked, 1e-5))
    return Problem(*maps, tuple(layers), sizes.kernel_size, sizes.kind)


@pytest.mark.slow
@pytest.mark.parametrize("form", [pytest.param("cpu", marks=needs_a_compiler), "composed"])
@pytest.mark.parametrize(("layers", "training"), [(1, True), (2, True), (2, False)])
def test_opcheck(layers: int, training: bool, form: str) -> None:
    arguments = operator_arguments(problem_of(Sizes(layers=layers, training=training)), form)
    torch.library.opcheck(patchwise_attention_operator, arguments)
    plain = [argument.detach() if isinstance(argument, Tensor) else argument for argument in arguments]
    outputs = patchwise_attention_operator(*plain)
    saved = (torch.randn_like(outputs[0]), *plain[:14], *outputs[1:], *plain[14:])
    torch.library.opcheck(patchwise_attention_backward_operator, saved)


def layer(relation: PatchwiseKind = "concatenation", layers: int = 2) -> PatchwiseAttention2d:
    torch.manual_seed(0)
    return PatchwiseAttention2d(8, 16, kernel_size=3, relation=relation, mapping_layers=layers)


@pytest.mark.slow
def test_layers_compile_as_one_graph() -> None:
    module, image = layer(), torch.randn(2, 8, 9, 9)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(image), module(image))
    compiled(image).square().sum().backward()
    ours = [parameter.grad.clone() for parameter in module.parameters()]
    module.zero_grad()
    module(image).square().sum().backward()
    for one, other in zip(ours, module.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("relation", KINDS)
def test_flops_are_those_of_the_parts(relation: PatchwiseKind, layers: int) -> None:
    totals = []
    for fused in (True, False):
        module = layer(relation, layers).to("meta")
        module.fused = fused
        with FlopCounterMode(display=False) as counter:
            module(torch.randn(2, 8, 7, 9, device="meta")).sum().backward()
        totals.append(counter.get_total_flops())
        fused_counts = counter.get_flop_counts()["Global"].get(torch.ops.sasa_nas.patchwise_attention)
        assert (fused_counts is not None) == fused
    assert totals[0] == totals[1]


@needs_a_compiler
def test_nothing_of_a_window_is_kept() -> None:
    module, kept = layer(), {}
    image = torch.randn(4, 8, 12, 12)

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(image)
    parameters = {parameter.data_ptr() for parameter in module.parameters()} | {image.data_ptr()}
    maps = sum(size for place, size in kept.items() if place not in parameters)
    # query, key, value and the hidden layer, and statistics of the relation
    pixels = 4 * (4 * 12 * 12)
    assert maps <= pixels * (4 + 4 + 16 + 2) + 8 * (40 + 2)


def test_other_derivatives_are_refused() -> None:
    problem = problem_of(Sizes())
    out = patchwise_attention_operator(*operator_arguments(problem, "auto"))[0]
    (gradient,) = torch.autograd.grad(out.square().sum(), problem.value, create_graph=True)
    with pytest.raises(NotImplementedError, match="backend='naive'"):
        gradient.sum().backward()


class Twice(nn.Module):
    """The same layer at two sizes, whose files differ in shapes alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = layer()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x)[:, ::2, :5, :3])


@needs_a_compiler
def test_maps_that_are_views_are_read_where_they_are() -> None:
    module, image = Twice(), torch.randn(2, 8, 9, 9)
    ours = module(image)
    module.layer.fused = False
    torch.testing.assert_close(ours, module(image), rtol=1e-4, atol=1e-5)
