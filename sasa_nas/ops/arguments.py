"""Preparation of the arguments of operators with several forms."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

AUTOCAST_DEVICES = ("cpu", "cuda")
"""Devices with autocast; to ask torch which have it is beyond its compiler."""


def autocast(tensor: Tensor) -> Tensor:
    """Return a tensor in autocast's type where that is on; float64 is left alone, as torch's own attention does."""
    kind = tensor.device.type
    if kind not in AUTOCAST_DEVICES or tensor.dtype == torch.float64 or not torch.is_autocast_enabled(kind):
        return tensor
    return tensor.to(torch.get_autocast_dtype(kind))


def refuse_forward_mode(operator: str, *tensors: Tensor | None) -> None:
    """Raise where a tensor has a tangent, which autograd would drop at a library's operator and return zeros.

    Args:
        operator: Name of the operator.
        tensors: All that it is given.

    Raises:
        NotImplementedError: There is one.
    """
    if torch.compiler.is_compiling():
        return
    present = [tensor for tensor in tensors if tensor is not None]
    if any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in present):  # type: ignore[no-untyped-call]
        raise NotImplementedError(no_other_derivative(operator))


def no_other_derivative(operator: str) -> str:
    """Return the error of an operator that is differentiated twice, or forward."""
    return (
        f"{operator} has no second derivatives and no forward-mode ones; use backend='naive' "
        "(or SASA_NAS_BACKEND=naive), which has them"
    )
