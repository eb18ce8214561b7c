import pytest
import torch
from torch import Tensor

from sasa_nas.ops import backends, global_attention, local_attention
from sasa_nas.ops.global_attention import forms, fused, windowed
from sasa_nas.ops.global_attention.dispatch import GlobalBackend, can_run, choose_backend, explain_choice
from sasa_nas.ops.global_attention.problem import GlobalProblem
from sasa_nas.ops.global_attention.windowed import as_window_attention
from sasa_nas.ops.local_attention import forms as window_forms


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backends.BACKEND_VARIABLE, raising=False)


def maps(height: int = 8, width: int = 8, depth: int = 8, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, height, width, 2, depth, dtype=dtype)


def problem(tensor: Tensor, *, relative: bool = True) -> GlobalProblem:
    rows, cols = (torch.zeros(2 * size - 1, tensor.shape[4], dtype=tensor.dtype) for size in tensor.shape[1:3])
    return GlobalProblem(tensor, tensor, tensor, rows if relative else None, cols if relative else None, 1.0)


def test_all_backends_agree() -> None:
    tensor = maps(3, 5)
    tables = torch.randn(5, 8), torch.randn(9, 8)
    expected = global_attention(tensor, tensor, tensor, *tables, scale=0.5, backend="naive")
    for backend in ("fused", "blocks", "auto"):  # which is loops where there is a compiler
        out = global_attention(tensor, tensor, tensor, *tables, scale=0.5, backend=backend)
        torch.testing.assert_close(out, expected)


def test_the_window_reaches_from_every_pixel_to_every_other() -> None:
    window = as_window_attention(problem(maps(3, 5)))
    assert window.kernel_size == 9
    assert window.rel_rows is not None
    assert window.rel_rows.shape == (9, 8)
    assert window.padding == "mask"


def test_an_unknown_backend_is_named_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = maps()
    with pytest.raises(ValueError, match="backend must be one of auto, naive, fused, blocks, cpu, triton, got 'fast'"):
        global_attention(tensor, tensor, tensor, scale=1.0, backend="fast")
    monkeypatch.setenv("SASA_NAS_BACKEND", "fast")
    with pytest.raises(ValueError, match="SASA_NAS_BACKEND must be one of auto, naive"):
        global_attention(tensor, tensor, tensor, scale=1.0)


def test_a_backend_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = maps()
    with pytest.raises(ValueError, match="backend 'triton' cannot run: tensors are on cpu"):
        global_attention(tensor, tensor, tensor, scale=1.0, backend="triton")
    monkeypatch.setenv("SASA_NAS_BACKEND", "cpu")
    double = tensor.double()
    with pytest.raises(ValueError, match=r"backend 'cpu' cannot run: .*float64"):
        global_attention(double, double, double, scale=1.0)


def test_the_environment_may_name_a_backend_that_another_operator_has(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = maps(3, 3).requires_grad_()
    monkeypatch.setenv("SASA_NAS_BACKEND", "slices")
    global_attention(tensor, tensor, tensor, scale=1.0)
    monkeypatch.setenv("SASA_NAS_BACKEND", "blocks")
    local_attention(tensor, tensor, tensor, kernel_size=3)
    # the operator has no second derivatives, and is taken for a map whose plain form would be the faster
    out = global_attention(tensor, tensor, tensor, scale=1.0)
    (gradient,) = torch.autograd.grad(out.square().sum(), tensor, create_graph=True)
    with pytest.raises(NotImplementedError):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("expected", "size", "depth", "relative"),
    [
        ("cpu", (8, 8), 24, True),
        ("cpu", (32, 32), 8, False),
        ("naive", (8, 8), 25, True),
        ("naive", (8, 8), 25, False),
        ("cpu", (8, 9), 128, True),
        ("fused", (14, 14), 25, False),
    ],
)
def test_the_choice_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, expected: str, size: tuple[int, int], depth: int, relative: bool
) -> None:
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: None)
    assert choose_backend(problem(maps(*size, depth), relative=relative)) == expected


def test_without_a_compiler_and_in_other_types(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_backend(problem(maps(8, 8, dtype=torch.float64))) == "naive"
    assert choose_backend(problem(maps(9, 9, dtype=torch.bfloat16))) == "fused"
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: "there is no C compiler")
    assert choose_backend(problem(maps(8, 8))) == "naive"
    monkeypatch.setattr(fused, "_FORWARD", "an operator that torch has not")
    assert choose_backend(problem(maps(9, 9))) == "blocks"
    assert can_run("fused", problem(maps())) == "this build of torch has no fused attention for CPUs"


def test_kernels_come_before_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_forms, "triton_cannot", lambda device, dtype: None)
    half = torch.bfloat16
    assert choose_backend(problem(maps(14, 14, 20, half))) == "triton"
    assert choose_backend(problem(maps(8, 8, 20))) == "triton"
    # float32 has no tiles, and without them windows do not end where the map does
    assert choose_backend(problem(maps(14, 14, 20))) in ("cpu", "fused")
    assert can_run("triton", problem(maps(14, 14, 20))) is None
    assert can_run("triton", problem(maps(32, 32, 2, half))) is None
    assert can_run("triton", problem(maps(28, 28, 32, half))) is None
    why = "a table of relative logits has more than 2048 numbers or 32 pixels"
    assert can_run("triton", problem(maps(28, 28, 33, half))) == why
    assert can_run("triton", problem(maps(3, 33, 2, half))) == why
    assert can_run("triton", problem(maps(3, 33, 2, half), relative=False)) is None
    assert can_run("triton", problem(maps(2, 2, 257, half))) == "heads have more than 256 channels"


@pytest.mark.parametrize("backend", ["auto", "naive", "blocks"])
def test_plain_forms_can_always_run(backend: GlobalBackend) -> None:
    assert can_run(backend, problem(maps(3, 3, dtype=torch.float64))) is None


def test_the_choice_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: None)
    backend, why = explain_choice(torch.device("cpu"))
    assert backend == "cpu"
    assert why.startswith("triton cannot run: tensors are on cpu")
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: "there is no C compiler")
    backend, why = explain_choice(torch.device("cpu"))
    assert backend == "fused"
    assert "triton cannot run: tensors are on cpu" in why
    assert "cpu cannot run: there is no C compiler" in why
    monkeypatch.setenv("SASA_NAS_BACKEND", "naive")
    assert explain_choice(torch.device("cpu")) == ("naive", "SASA_NAS_BACKEND says so")
    monkeypatch.setenv("SASA_NAS_BACKEND", "triton")
    backend, why = explain_choice(torch.device("cpu"))
    assert (backend, "cannot run: tensors are on cpu" in why) == ("triton", True)


def test_loops_leave_wide_heads_to_matrix_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "cpu_cannot", lambda problem: None)
    why = "cpu is for up to 24 channels a head, or relative logits on maps of more than 64 pixels"
    assert forms.form_refused("cpu", problem(maps(14, 14, 25), relative=False)) == why
    assert forms.form_refused("cpu", problem(maps(8, 8, 25))) == why
    assert forms.form_refused("cpu", problem(maps(8, 9, 25))) is None


def test_windowed_forms_are_window_attentions() -> None:
    assert windowed.windowed_cannot("cpu", problem(maps(3, 3, dtype=torch.float64))) == (
        "its loops take float32, not float64"
    )
