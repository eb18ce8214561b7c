"""Which device to train on."""

import torch

from sasa_nas.errors import UserError


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`.

    Args:
        name: `auto` (a CUDA GPU where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        UserError: If the name is none of these, or that GPU is not there.
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
