"""Statistics of each place of the windows of whole maps, and parameters place by place."""

import torch
from torch import Tensor

from sasa_nas.ops.windows import reflection_indices


def window_statistics(maps: Tensor, kernel_size: int) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of what all windows show at each place, `(C, kernel_size**2)` float64.

    How often a place shows a row and a column of the map depends on nothing else, so that sums over the batch will do.

    Args:
        maps: `(B, C, H, W)`.
        kernel_size: Side of the window.
    """
    height, width = maps.shape[2:]
    # about their mean, numbers cancel no digits of their squares
    mean = maps.mean((0, 2, 3), dtype=torch.float32)
    apart = maps.float() - mean[:, None, None]
    rows, cols = (_shown(size, kernel_size, maps.device) for size in (height, width))
    first, second = (
        torch.einsum("ay,cyx,bx->cab", rows, power.sum(0, dtype=torch.float64), cols).flatten(1)
        / (maps.shape[0] * height * width)
        for power in (apart, apart.square())
    )
    return mean[:, None] + first, (second - first.square()).clamp(min=0)


def _shown(size: int, kernel_size: int, device: torch.device) -> Tensor:
    """Count how often each place of a window shows each pixel of an axis, `(kernel_size, size)` float64."""
    shown = reflection_indices(size, kernel_size // 2, device=device).unfold(0, size, 1)
    return torch.nn.functional.one_hot(shown, size).sum(1).double()


def place_by_place(channels: Tensor, keys: int) -> Tensor:
    """Return what belongs to the channels of a concatenation as `(1 + places, ..., keys)`, places first.

    Args:
        channels: `(..., keys * (1 + places))`: the query's, then the keys' channel by channel.
        keys: Channels of a query.
    """
    query, shown = channels[..., :keys], channels[..., keys:]
    shown = torch.unflatten(shown, -1, (keys, -1)).movedim(-1, 0)
    return torch.cat([query.unsqueeze(0), shown]).contiguous()


def channel_by_channel(places: Tensor) -> Tensor:
    """Return the inverse of `place_by_place`.

    Args:
        places: `(1 + places, ..., keys)`.
    """
    return torch.cat([places[0], places[1:].movedim(0, -1).flatten(-2)], dim=-1)
