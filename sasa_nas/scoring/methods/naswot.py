"""NASWOT: how differently a network's ReLUs answer to different images (Mellor et al. 2021, arXiv 2006.04647)."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sasa_nas.layers.fused import unfuse


def naswot(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Return the logarithm of det(K + 1), where K_ij counts the ReLU outputs in which images i and j agree.

    An output agrees where it is zero for both images or positive for both (section 3: K_ij = N_A - d_H(c_i, c_j)).
    Every ReLU counts, in attention's mappings and in the stem too. The unit matrix, which the paper does not have,
    keeps the score finite where two images have the same codes; beside the thousands of ReLUs that K counts it is
    small. Batch norm takes the images' own statistics, as in training.

    Args:
        network: Maps (B, C, H, W) to logits. A copy is used.
        batches: Images (B, C, H, W), standardised, and labels, on the network's device; the first batch counts.

    Raises:
        ValueError: If the network has no ReLU.
    """
    images = batches[0][0]
    agreed = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
    units = 0

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal units
        on = (output > 0).flatten(1).double()
        agreed.add_(on @ on.T + (1.0 - on) @ (1.0 - on).T)
        units += on.shape[1]

    active = copy.deepcopy(network).train()
    unfuse(active)  # so that the ReLUs of mappings are called
    for module in active.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(count)
    with torch.no_grad():
        active(images)
    if units == 0:
        raise ValueError("the network has no ReLU")
    return float(torch.linalg.slogdet(agreed + torch.eye(len(images), dtype=torch.float64, device=images.device))[1])
