"""The line about the machine is read now and then, and survives drivers that tell nothing."""

import psutil
import pytest
import torch

from sasa_nas.cli.machine_load import PERIOD, MachineLoad, gpu_lines


def test_the_line_is_read_anew_after_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now, busy = [100.0], [12.4]
    monkeypatch.setattr(psutil, "cpu_percent", lambda: busy[0])
    monkeypatch.setattr("sasa_nas.cli.machine_load.gpu_lines", lambda: ["GPU 0 71 %, 3 GB used"])
    load = MachineLoad(clock=lambda: now[0])
    first = load.line()
    assert first.startswith("CPU 12 %, memory ")
    assert first.endswith(" GB; GPU 0 71 %, 3 GB used")
    busy[0] = 99.0
    assert load.line() == first
    now[0] += PERIOD
    assert load.line().startswith("CPU 99 %")


def test_every_gpu_is_told_of_as_far_as_its_driver_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_lines() == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "utilization", lambda gpu: 40 + gpu)
    monkeypatch.setattr(torch.cuda, "device_memory_used", lambda gpu: 3_000_000_000)
    assert gpu_lines() == ["GPU 0 40 %, 3 GB used", "GPU 1 41 %, 3 GB used"]

    def hidden(gpu: int) -> int:
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "utilization", hidden)
    assert gpu_lines() == []
