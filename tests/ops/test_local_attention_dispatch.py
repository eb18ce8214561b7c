import pytest
import torch
from torch import Tensor

from sasa_nas.ops import backends, local_attention
from sasa_nas.ops.local_attention import dispatch, forms
from sasa_nas.ops.local_attention.dispatch import can_run, choose_backend, explain_choice
from sasa_nas.ops.local_attention.problem import Problem


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backends.BACKEND_VARIABLE, raising=False)


def maps(size: int = 6, depth: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, size, size, 2, depth, dtype=dtype)


def problem(tensor: Tensor, *, kernel_size: int = 3, stride: int = 1, padding: str = "mask") -> Problem:
    seen = tensor[:, ::stride, ::stride]
    return Problem(seen, tensor, tensor, None, None, kernel_size, stride, 1.0, padding)


def no_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: "there is no C compiler")


def test_all_backends_agree() -> None:
    tensor = maps()
    results = [local_attention(tensor, tensor, tensor, kernel_size=3, backend=b) for b in ("naive", "dense", "slices")]
    for result in (*results[1:], local_attention(tensor, tensor, tensor, kernel_size=3)):
        torch.testing.assert_close(result, results[0])


def test_an_unknown_backend_is_named_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = maps()
    with pytest.raises(ValueError, match="backend must be one of auto, naive, dense, slices, cpu, triton, got 'fast'"):
        local_attention(tensor, tensor, tensor, kernel_size=3, backend="fast")
    monkeypatch.setenv("SASA_NAS_BACKEND", "fast")
    with pytest.raises(ValueError, match="SASA_NAS_BACKEND must be one of auto, naive"):
        local_attention(tensor, tensor, tensor, kernel_size=3)


def test_a_backend_that_cannot_run_says_why() -> None:
    tensor = maps()
    with pytest.raises(ValueError, match="backend 'triton' cannot run: tensors are on cpu"):
        local_attention(tensor, tensor, tensor, kernel_size=3, backend="triton")
    double = tensor.double()
    with pytest.raises(ValueError, match=r"backend 'cpu' cannot run: .*float64"):
        local_attention(double, double, double, kernel_size=3, backend="cpu")


def test_the_environment_says_what_auto_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = maps()
    monkeypatch.setenv("SASA_NAS_BACKEND", "triton")
    with pytest.raises(ValueError, match="'triton' cannot run"):
        local_attention(tensor, tensor, tensor, kernel_size=3)
    # an argument is closer than the environment
    local_attention(tensor, tensor, tensor, kernel_size=3, backend="naive")
    monkeypatch.setenv("SASA_NAS_BACKEND", "")
    local_attention(tensor, tensor, tensor, kernel_size=3)


@pytest.mark.parametrize("backend", ["naive", "dense"])
def test_the_environment_forces_a_plain_form(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("SASA_NAS_BACKEND", backend)
    tensor = maps().requires_grad_()
    out = local_attention(tensor, tensor, tensor, kernel_size=3)
    # only forms of torch's own operators have second derivatives
    (gradient,) = torch.autograd.grad(out.square().sum(), tensor, create_graph=True)
    assert gradient.requires_grad


def test_without_loops_small_maps_are_dense_and_others_are_sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    no_loops(monkeypatch)
    assert choose_backend(problem(maps(6), kernel_size=3)) == "dense"
    assert choose_backend(problem(maps(7), kernel_size=3)) == "slices"
    assert choose_backend(problem(maps(7), kernel_size=5)) == "dense"
    # zeros beyond the edge are pairs too
    assert choose_backend(problem(maps(6), kernel_size=3, padding="zeros")) == "slices"


def test_loops_come_before_plain_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: None)
    assert choose_backend(problem(maps(4))) == "cpu"
    assert choose_backend(problem(maps(40))) == "cpu"


def test_kernels_come_before_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "triton_cannot", lambda device, dtype: None)
    assert choose_backend(problem(maps(4))) == "triton"
    assert can_run("triton", problem(maps(2, depth=256))) is None
    assert can_run("triton", problem(maps(2, depth=257))) == "heads have more than 256 channels"
    huge = torch.empty(1, dtype=torch.float16, device="meta").expand(2, 2**15, 2**15, 1, 8)
    assert can_run("triton", problem(huge)) == "a map has 2^31 vectors"


@pytest.mark.parametrize("backend", ["auto", "naive", "dense", "slices"])
def test_plain_forms_can_always_run(backend: dispatch.Backend) -> None:
    assert can_run(backend, problem(maps(3, dtype=torch.float64), stride=2)) is None


def test_the_choice_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    no_loops(monkeypatch)
    backend, why = explain_choice(torch.device("cpu"))
    assert backend == "slices"
    assert "triton cannot run: tensors are on cpu" in why
    assert "there is no C compiler" in why
    monkeypatch.setenv("SASA_NAS_BACKEND", "naive")
    assert explain_choice(torch.device("cpu")) == ("naive", "SASA_NAS_BACKEND says so")
    monkeypatch.setenv("SASA_NAS_BACKEND", "triton")
    backend, why = explain_choice(torch.device("cpu"))
    assert (backend, "cannot run: tensors are on cpu" in why) == ("triton", True)
