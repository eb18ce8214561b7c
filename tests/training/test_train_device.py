import pytest
import torch

from sasa_nas.errors import UserError
from sasa_nas.training.device import pick_device


@pytest.fixture
def gpus(monkeypatch):
    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


def test_auto_takes_a_gpu_where_there_is_one(gpus):
    gpus(0)
    assert pick_device() == torch.device("cpu")
    gpus(2)
    assert pick_device() == torch.device("cuda")


def test_named_devices(gpus):
    gpus(2)
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("cuda") == torch.device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize(
    ("count", "name", "message"),
    [
        (0, "cuda", "no CUDA GPU"),
        (0, "cuda:0", "no CUDA GPU"),
        (2, "cuda:2", "cuda:0 to cuda:1"),
        (2, "cuda:", "unknown device"),
        (2, "cuda:-1", "unknown device"),
        (2, "cuda:x", "unknown device"),
        (2, "gpu", "auto, cpu, cuda"),
        (2, "", "unknown device"),
    ],
)
def test_absent_devices_are_one_line(gpus, count, name, message):
    gpus(count)
    with pytest.raises(UserError, match=message):
        pick_device(name)
