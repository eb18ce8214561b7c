"""Check that Triton's kernels can run on a device."""

import functools
import os
from importlib.util import find_spec

import torch

LEAST_CAPABILITY = (8, 0)
"""Compute capability of the oldest GPUs that have tensor cores for bfloat16."""

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def triton_cannot(device: torch.device, dtype: torch.dtype) -> str | None:
    """Return the reason why Triton's kernels cannot run, in a few words; None if they can.

    Triton's interpreter runs them on a CPU, slowly, for tests: with `TRITON_INTERPRET=1` in the environment before
    triton is first imported.

    Args:
        device: Device of the tensors.
        dtype: Type of the tensors.
    """
    if dtype not in DTYPES:
        return f"tensors are {str(dtype).removeprefix('torch.')}, not one of float32, float16 and bfloat16"
    if find_spec("triton") is None:
        return "triton is not installed"
    if device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1":
        return "Triton's interpreter computes bfloat16 wrongly" if dtype == torch.bfloat16 else None
    if device.type != "cuda":
        return f"tensors are on {device.type}, not on a CUDA device"
    if torch.version.cuda is None:
        return "this build of torch has no CUDA"
    return _too_old(device.index if device.index is not None else torch.cuda.current_device())


@functools.cache
def _too_old(index: int) -> str | None:
    capability = torch.cuda.get_device_capability(index)
    if capability < LEAST_CAPABILITY:
        return f"compute capability is {capability[0]}.{capability[1]}, below 8.0"
    return None
