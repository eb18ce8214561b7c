"""Checks of backward passes."""

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError

from sasa_nas.testing.case import Case, random_maps
from sasa_nas.testing.check import Nonconformity, brief

_TINY = 1e-9
"""Largest gradient, as a share of the largest one, that counts as zero."""

_STEP = 1e-3
"""Change of a parameter to test its effect."""


def gradient_everywhere(case: Case) -> None:
    """Check that every parameter gets a finite gradient, which is zero only for a bias that cancels.

    A bias that shifts all logits of a softmax, or both terms of a difference, has no gradient by construction.
    """
    for stride in (1, 2):
        layer, x = case.trained(stride=stride), case.images(batch=4)
        out = layer(x)
        (out * random_maps(*out.shape)).sum().backward()
        sizes: dict[str, float] = {}
        for name, parameter in layer.named_parameters():
            if parameter.grad is None:
                raise Nonconformity(f"the parameter '{name}' gets no gradient; use it in forward, or remove it")
            if not parameter.grad.isfinite().all():
                raise Nonconformity(f"the gradient of '{name}' is not finite; look for roots and divisions at zero")
            sizes[name] = parameter.grad.abs().max().item()
        largest = max(sizes.values(), default=0.0)
        for name, size in sizes.items():
            if size <= _TINY * largest:
                _require_idle(layer, name, x, out.detach())


def _require_idle(layer: nn.Module, name: str, x: Tensor, before: Tensor) -> None:
    """Check that a parameter without a gradient is a bias, and does not change the output."""
    parameter = layer.get_parameter(name)
    with torch.no_grad():
        kept = parameter.clone()
        parameter.add_(_STEP * random_maps(*parameter.shape))
        after = layer(x)
        parameter.copy_(kept)
    if not torch.allclose(after, before, rtol=_STEP * 1e-3, atol=_STEP * 1e-6):
        raise Nonconformity(f"the parameter '{name}' changes the output but has no gradient; do not detach it")
    if not name.endswith("bias"):
        raise Nonconformity(f"the parameter '{name}' changes nothing in the output; use it in forward, or remove it")


def gradcheck(case: Case) -> None:
    """Check that gradients of input and parameters agree with finite differences, in float64."""
    size = (3, 2)
    layer, x = case.trained(size=size), case.images(*size)
    names = [name for name, _ in layer.named_parameters()]
    values = [parameter.detach().clone().requires_grad_() for parameter in layer.parameters()]

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
        return out

    try:
        torch.autograd.gradcheck(run, (x.requires_grad_(), *values), fast_mode=True, nondet_tol=1e-10)
    except GradcheckError as error:
        raise Nonconformity(f"gradients are not those of the output; correct backward ({brief(error)})") from error
