import pytest
import torch
from loop_oracles import leaves
from torch import Tensor

from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.ops import local_attention
from sasa_nas.ops.local_attention.library import (
    local_attention_backward_operator,
    local_attention_decompositions,
    local_attention_operator,
)
from sasa_nas.ops.local_attention.naive import local_attention as naive_local_attention

TERMS = ["content", "relative", "both"]


def arguments(terms: str = "both", *, dtype: torch.dtype = torch.float32, stride: int = 1) -> list[Tensor | None]:
    """Query, key, value and tables of 5 offsets, for maps of 4 x 5 with 2 heads of 4 and 3 channels."""
    query, key, value, rows, cols = leaves((2, 4, 5, 2, 4), (2, 4, 5, 2, 4), (2, 4, 5, 2, 3), (5, 4), (5, 4))
    tensors = [
        query[:, ::stride, ::stride],
        None if terms == "relative" else key,
        value,
        None if terms == "content" else rows,
        None if terms == "content" else cols,
    ]
    return [None if tensor is None else tensor.detach().to(dtype).requires_grad_() for tensor in tensors]


@pytest.mark.slow
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("terms", TERMS)
def test_opcheck(terms: str, stride: int) -> None:
    tensors = arguments(terms, stride=stride)
    torch.library.opcheck(local_attention_operator, (*tensors, 5, stride, 0.5, "mask", "auto"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["auto", "slices"])
def test_opcheck_of_channels_first_maps(form: str) -> None:
    maps = [torch.randn(2, 8, 4, 5).unflatten(1, (2, 4)).permute(0, 3, 4, 1, 2).requires_grad_() for _ in range(3)]
    torch.library.opcheck(local_attention_operator, (*maps, None, None, 3, 1, 1.0, "zeros", form))


@pytest.mark.slow
def test_opcheck_of_the_backward_pass() -> None:
    tensors = arguments()
    out, lse = (result.detach() for result in local_attention_operator(*tensors, 5, 1, 0.5, "mask", "auto"))
    inputs = [tensor.detach() for tensor in tensors if tensor is not None]
    saved = (torch.randn_like(out), *inputs, out, lse)
    torch.library.opcheck(local_attention_backward_operator, (*saved, 5, 1, 0.5, "mask", "auto"))


@pytest.mark.parametrize("padding", ["mask", "zeros"])
@pytest.mark.parametrize("terms", TERMS)
def test_gradcheck_in_float64(terms: str, padding: str) -> None:
    query, value = leaves((1, 2, 3, 2, 2), (1, 2, 3, 2, 1))
    key, rows, cols = leaves((1, 2, 3, 2, 2), (3, 2), (3, 2), seed=1)
    inputs = [query, None if terms == "relative" else key, value, *((rows, cols) if terms != "content" else ())]

    def attend(*tensors: Tensor) -> Tensor:
        return local_attention(*tensors, kernel_size=3, padding=padding, backend="slices")

    assert torch.autograd.gradcheck(attend, inputs)


def test_the_log_sum_exp() -> None:
    query, key, value, *_ = arguments("content", dtype=torch.float64)
    out, lse = local_attention_operator(query, key, value, None, None, 9, 1, 0.5, "mask", "slices")
    # the window is the whole map
    logits = torch.einsum("byxnd,bvund->byxnvu", query, key) * 0.5
    torch.testing.assert_close(lse, logits.flatten(-2).logsumexp(-1))
    assert out.shape == value.shape


def test_a_derivative_of_a_derivative_is_refused() -> None:
    query, key, value, *tables = arguments("both", dtype=torch.float64)
    out = local_attention(query, key, value, *tables, kernel_size=5, backend="slices")
    (gradient,) = torch.autograd.grad(out.square().sum(), query, create_graph=True)
    with pytest.raises(NotImplementedError, match="backend='naive'"):
        gradient.sum().backward()
    assert torch.autograd.gradgradcheck(
        lambda query: local_attention(query, query, query, kernel_size=3, backend="naive"), leaves((1, 2, 2, 1, 1))
    )


def test_forward_mode_is_refused() -> None:
    query, key, value = (tensor.detach() for tensor in arguments("content")[:3])

    def attend(query: Tensor, backend: str) -> Tensor:
        return local_attention(query, key, value, kernel_size=3, backend=backend)

    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(lambda query: attend(query, "slices"), (query,), (query,))
    _, tangent = torch.func.jvp(lambda query: attend(query, "naive"), (query,), (query,))
    assert tangent.abs().max() > 0


@pytest.mark.parametrize("backend", ["naive", "dense", "slices"])
def test_autocast_takes_tables_of_another_type(backend: str) -> None:
    query, key, value, rows, cols = arguments()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = query.bfloat16()
        out = local_attention(half, key, value, rows, cols, kernel_size=5, backend=backend)
    assert out.dtype == torch.bfloat16
    expected = naive_local_attention(
        *(tensor.detach().double() for tensor in (query, key, value, rows, cols)), kernel_size=5
    )
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=0.05)
    out.float().sum().backward()
    assert rows.grad is not None
    assert rows.grad.dtype == torch.float32


def test_autocast_leaves_float64_alone() -> None:
    tensors = arguments(dtype=torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert local_attention(*tensors, kernel_size=5).dtype == torch.float64


def network() -> LocalAttention2d:
    torch.manual_seed(0)
    return LocalAttention2d(8, 8, kernel_size=3, num_heads=2).eval()


@pytest.mark.slow
def test_compiles_as_one_graph() -> None:
    layer, image = network(), torch.randn(2, 8, 9, 9)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(image), layer(image))
    compiled(image).square().sum().backward()
    ours = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    layer(image).square().sum().backward()
    torch.testing.assert_close(ours, [parameter.grad for parameter in layer.parameters()])


@pytest.mark.parametrize("stride", [1, 2])
def test_the_decomposition_is_the_operator(stride: int) -> None:
    tensors = arguments(stride=stride, dtype=torch.float64)
    (decomposed,) = local_attention_decompositions().values()
    ours = decomposed(*tensors, 5, stride, 0.5, "mask", "auto")
    theirs = local_attention_operator(*tensors, 5, stride, 0.5, "mask", "auto")
    torch.testing.assert_close(ours, theirs)
