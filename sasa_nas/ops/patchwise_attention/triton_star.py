"""The first layer of patchwise attention's mapping on a GPU, where a window is described by scalar products.

There are `kernel_size**2` of them a pixel, no more than the values have channels: they may be in memory.
"""

import torch
from torch import Tensor

from sasa_nas.ops.mapping.normed_maps import NormedMaps
from sasa_nas.ops.patchwise_attention.problem import LayerGradients, Problem
from sasa_nas.ops.window_sums.sums import weights_like
from sasa_nas.ops.window_sums.triton_launch import KERNELS


def star_forward(problem: Problem) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
    """Compute what the first layer yields.

    Args:
        problem: Problem of kind `star`.

    Returns:
        `(B, O, H, W)` of the maps' type, contiguous, and the batch's mean and biased variance where they were taken.
    """
    layer, dtype = problem.mapping[0], problem.value.dtype
    normed = NormedMaps(_related(problem), layer)
    hidden = torch.einsum("bchw,oc->bohw", normed.active().to(dtype), layer.weight.to(dtype))
    return hidden.contiguous(), normed.statistics if layer.mean is None else None


def star_backward(problem: Problem, grad: Tensor) -> tuple[Tensor, Tensor, LayerGradients]:
    """Compute the gradients of queries, keys and the layer.

    Args:
        problem: Problem of the forward pass.
        grad: The gradient of what `star_forward` returned, `(B, O, H, W)`.
    """
    layer, dtype = problem.mapping[0], problem.value.dtype
    normed = NormedMaps(_related(problem), layer)
    grad = grad.to(dtype)
    matrix = torch.einsum("bohw,bchw->oc", grad, normed.active().to(dtype))
    through = torch.einsum("bohw,oc->bchw", grad, layer.weight.to(dtype))
    related_grad, sums = normed.gradient(through.float())
    weights = related_grad.to(dtype).unsqueeze(1)
    grad_query = KERNELS.weighted_sums(weights, problem.key, problem.kernel_size)
    grad_key = KERNELS.spread_sums(weights, problem.query, problem.kernel_size)
    return grad_query, grad_key, LayerGradients(sums[1], sums[0], matrix, None)


def _related(problem: Problem) -> Tensor:
    """Return the scalar products, `(B, kernel_size**2, H, W)`."""
    weights = weights_like(problem.query, 1, problem.kernel_size**2)
    KERNELS.products(problem.query, problem.key, problem.kernel_size, weights)
    return weights[:, 0]
