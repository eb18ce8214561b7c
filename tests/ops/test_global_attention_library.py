import pytest
import torch
from loop_oracles import leaves
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.cost.attention import attention_counts
from sasa_nas.operators.augmented_conv.layer import AugmentedConv2d
from sasa_nas.ops import global_attention
from sasa_nas.ops.global_attention.library import (
    global_attention_backward_operator,
    global_attention_decompositions,
    global_attention_operator,
)
from sasa_nas.ops.global_attention.naive import global_attention as naive_global_attention


def arguments(*, relative: bool = True, dtype: torch.dtype = torch.float32) -> list[Tensor | None]:
    """Query, key, value and tables for maps of 3 x 4 with 2 heads of 4 and 3 channels."""
    tensors = leaves((2, 3, 4, 2, 4), (2, 3, 4, 2, 4), (2, 3, 4, 2, 3), (5, 4), (7, 4))
    present = [tensor.detach().to(dtype).requires_grad_() for tensor in tensors]
    return [*present[:3], *(present[3:] if relative else (None, None))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "relative"), [("auto", True), ("fused", True), ("fused", False), ("blocks", True), ("blocks", False)]
)
def test_opcheck(form: str, relative: bool) -> None:
    torch.library.opcheck(global_attention_operator, (*arguments(relative=relative), 0.5, form))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["auto", "fused", "blocks"])
def test_opcheck_of_channels_first_maps(form: str) -> None:
    maps = [torch.randn(2, 8, 4, 5).unflatten(1, (2, 4)).permute(0, 3, 4, 1, 2).requires_grad_() for _ in range(3)]
    torch.library.opcheck(global_attention_operator, (*maps, None, None, 1.0, form))


@pytest.mark.slow
def test_opcheck_of_the_backward_pass() -> None:
    tensors = arguments()
    out, lse = (result.detach() for result in global_attention_operator(*tensors, 0.5, "auto"))
    inputs = [tensor.detach() for tensor in tensors if tensor is not None]
    saved = (torch.randn_like(out), *inputs, out, lse)
    torch.library.opcheck(global_attention_backward_operator, (*saved, 0.5, "auto"))


@pytest.mark.parametrize("form", ["fused", "blocks", "cpu"])
def test_the_log_sum_exp(form: str) -> None:
    query, key, value, *_ = arguments(relative=False)
    _, lse = global_attention_operator(query, key, value, None, None, 0.5, form)
    logits = torch.einsum("byxnd,bvund->byxnvu", query, key) * 0.5
    torch.testing.assert_close(lse, logits.flatten(-2).logsumexp(-1))


@pytest.mark.parametrize("backend", ["fused", "blocks"])
def test_other_derivatives_are_refused(backend: str) -> None:
    tensors = arguments(dtype=torch.float64)
    out = global_attention(*tensors, scale=0.5, backend=backend)
    (gradient,) = torch.autograd.grad(out.square().sum(), tensors[0], create_graph=True)
    with pytest.raises(NotImplementedError, match=r"global_attention has no second .* backend='naive'"):
        gradient.sum().backward()
    query = tensors[0].detach()
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(
            lambda query: global_attention(query, query, query, scale=0.5, backend=backend), (query,), (query,)
        )


@pytest.mark.parametrize("backend", ["naive", "fused", "blocks"])
def test_autocast_takes_tables_of_another_type(backend: str) -> None:
    query, key, value, rows, cols = arguments()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = global_attention(query.bfloat16(), key, value, rows, cols, scale=0.5, backend=backend)
        double = global_attention(*arguments(dtype=torch.float64), scale=0.5, backend=backend)
    assert out.dtype == torch.bfloat16
    assert double.dtype == torch.float64
    expected = naive_global_attention(*(tensor.detach().double() for tensor in arguments()), scale=0.5)
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=0.05)
    out.float().sum().backward()
    assert rows.grad is not None
    assert rows.grad.dtype == torch.float32


def network() -> nn.Module:
    torch.manual_seed(0)
    return AugmentedConv2d(6, 16, num_heads=2, value_ratio=0.5, min_key_dim=4, feature_size=(9, 10)).eval()


@pytest.mark.slow
def test_compiles_as_one_graph() -> None:
    layer, image = network(), torch.randn(2, 6, 9, 10)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(image), layer(image))
    compiled(image).square().sum().backward()
    ours = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    layer(image).square().sum().backward()
    torch.testing.assert_close(ours, [parameter.grad for parameter in layer.parameters()])


@pytest.mark.parametrize("relative", [False, True])
def test_the_decomposition_is_the_operator(relative: bool) -> None:
    tensors = arguments(relative=relative, dtype=torch.float64)
    (decomposed,) = global_attention_decompositions().values()
    theirs = global_attention_operator(*tensors, 0.5, "auto")
    torch.testing.assert_close(decomposed(*tensors, 0.5, "auto"), theirs)


@pytest.mark.parametrize("relative", [False, True])
def test_flops_are_those_of_the_cost_model(relative: bool) -> None:
    layer = AugmentedConv2d(
        6, 16, num_heads=2, positions="relative" if relative else "none", value_ratio=0.5, feature_size=(9, 10)
    )
    image = torch.randn(2, 6, 9, 10, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        out = layer(image)
    macs = attention_counts(layer.attention, 9, 10).macs
    counted = counter.get_flop_counts()["Global"]
    assert counted[torch.ops.sasa_nas.global_attention] == 2 * 2 * (macs.qk + macs.qr + macs.av)
    with FlopCounterMode(display=False) as counter:
        out.sum().backward()
    expected = 2 * 2 * (3 * (macs.qk + macs.qr) + 2 * macs.av)
    assert counter.get_flop_counts()["Global"][torch.ops.sasa_nas.global_attention_backward] == expected
