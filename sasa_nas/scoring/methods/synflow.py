"""SynFlow: how much signal flows from pixels to logits along all paths (Tanaka et al. 2020, arXiv 2006.05467)."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sasa_nas.layers.fused import unfuse
from sasa_nas.nodes import resolve
from sasa_nas.operators import OPERATORS
from sasa_nas.training.evaluate import evaluating


def synflow(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Return the natural logarithm of the sum over all weights w of |w dR/dw|, where R is the sum of the logits.

    R is taken of an image of ones, with every parameter replaced by its absolute value, so that no path cancels
    another. As in Abdelfattah et al. 2021 (arXiv 2101.08134) the sum is of convolutions and linear layers (here of
    all parameters with two dimensions or more, attention's embeddings among them) and batch norm is switched off:
    here by evaluation mode, in which a fresh one divides by sqrt(1 + 1e-5).

    R grows with depth beyond what float32 holds (1e61 is nothing special), so that all is computed in float64 and told
    as a logarithm, which keeps the order.

    R is meant to be linear in every layer, which attention is not. The weights that a softmax gives sum to one over the
    window, so signal flows through the values as through a mean, and queries and keys count by what little they move
    it: that is left as it is. Patchwise attention's weights (SAN) have no softmax and would multiply the flow by itself
    in every block, 1e308 after ten; here they are divided by their sum over the window, which makes them weights of the
    same kind.

    Args:
        network: Maps (B, C, H, W) to logits (B, classes). A copy is used.
        batches: Images (B, C, H, W) and labels, of which the images' shape alone counts.

    Returns:
        Minus infinity where nothing flows; infinity where even float64 is too small.
    """
    linear = copy.deepcopy(network).double()
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.abs_()
    unfuse(linear)
    for entry in OPERATORS:
        if entry.bound_flow is not None:
            for module in linear.modules():
                if isinstance(module, resolve(entry.layer)):
                    resolve(entry.bound_flow)(module)
    weights = [parameter for parameter in linear.parameters() if parameter.ndim >= 2]
    device = weights[0].device
    with evaluating(linear), torch.enable_grad():
        flow = linear(torch.ones(1, *batches[0][0].shape[1:], dtype=torch.float64, device=device)).sum()
        gradients = torch.autograd.grad(flow, weights, allow_unused=True)
    total = sum(_product(weight, gradient) for weight, gradient in zip(weights, gradients, strict=True))
    if math.isnan(total):
        return math.inf  # infinite flow met no flow
    return math.log(total) if total > 0 else -math.inf


def _product(weight: Tensor, gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else float((weight.detach() * gradient).abs().sum())
