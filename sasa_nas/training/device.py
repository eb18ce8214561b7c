"""Choice of the device to train on."""

import os
import platform
from pathlib import Path

import torch

from sasa_nas.errors import UserError


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`.

    Args:
        name: `auto` (a CUDA GPU if there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        UserError: If the name is none of these, or there is no such GPU.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or (":" in name and not (number.isascii() and number.isdigit())):
        raise UserError(f"unknown device '{name}'; use auto, cpu, cuda or cuda:N")
    if not torch.cuda.is_available():
        raise UserError(f"device '{name}' is not there: PyTorch sees no CUDA GPU; use --device cpu or auto")
    count = torch.cuda.device_count()
    if number and int(number) >= count:
        raise UserError(f"device '{name}' is not there: PyTorch sees cuda:0 to cuda:{count - 1}")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """Return the description of a device for a record: the GPU's name, or the processor's and its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor_name()}, {os.cpu_count()} cores"


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
