import pytest
import torch

from sasa_nas.ops import triton_device
from sasa_nas.ops.triton_device import triton_cannot

CPU = torch.device("cpu")
GPU = torch.device("cuda", 7)


@pytest.fixture(autouse=True)
def a_gpu_of_some_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    triton_device._too_old.cache_clear()


def test_a_gpu_can() -> None:
    assert all(triton_cannot(GPU, dtype) is None for dtype in (torch.float32, torch.float16, torch.bfloat16))


def test_a_cpu_cannot() -> None:
    assert triton_cannot(CPU, torch.float32) == "tensors are on cpu, not on a CUDA device"


def test_float64_cannot() -> None:
    assert triton_cannot(GPU, torch.float64) == "tensors are float64, not one of float32, float16 and bfloat16"


def test_an_old_gpu_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (7, 5))
    assert triton_cannot(GPU, torch.float16) == "compute capability is 7.5, below 8.0"


def test_nothing_can_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_device, "find_spec", lambda name: None)
    assert triton_cannot(GPU, torch.float16) == "triton is not installed"


def test_a_build_without_cuda_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert triton_cannot(GPU, torch.float16) == "this build of torch has no CUDA"


def test_the_interpreter_can_but_for_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert triton_cannot(CPU, torch.float16) is None
    assert triton_cannot(CPU, torch.bfloat16) == "Triton's interpreter computes bfloat16 wrongly"
