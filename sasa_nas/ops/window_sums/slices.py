"""The sums over windows in plain PyTorch, without windows in memory: one slice of the padded map an offset.

For every type and device. Sums are float32 at least.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from sasa_nas.ops.window_sums.sums import WindowSums, map_like
from sasa_nas.ops.windows import reflection_indices


def _weighted_sums(weights: Tensor, shown: Tensor, kernel_size: int) -> Tensor:
    center = shown.new_zeros(_grouped(shown, weights.shape[1]).shape, dtype=_exact(shown))
    for place, seen in enumerate(_slices(_padded(shown, kernel_size), shown, kernel_size)):
        center.addcmul_(_grouped(seen, weights.shape[1]).to(center.dtype), weights[:, None, :, place].to(center.dtype))
    return map_like(shown).copy_(center.flatten(1, 2))


def _products(center: Tensor, shown: Tensor, kernel_size: int, weights: Tensor) -> None:
    channels, exact = weights.shape[1], _exact(shown)
    factor = _grouped(center, channels).to(exact)
    for place, seen in enumerate(_slices(_padded(shown, kernel_size), shown, kernel_size)):
        weights[:, :, place] = (factor * _grouped(seen, channels)).sum(1)


def _spread_sums(weights: Tensor, center: Tensor, kernel_size: int) -> Tensor:
    channels, exact = weights.shape[1], _exact(center)
    factor = _grouped(center, channels).to(exact)
    padded = _padded_zeros(center, kernel_size, exact)
    for place, sums in enumerate(_slices(padded, center, kernel_size)):
        _grouped(sums, channels).addcmul_(factor, weights[:, None, :, place].to(exact))
    return map_like(center).copy_(_folded(padded, center, kernel_size))


def _comparisons(center: Tensor | None, shown: Tensor, kernel_size: int, sign: int, weights: Tensor) -> None:
    for place, seen in enumerate(_slices(_padded(shown, kernel_size), shown, kernel_size)):
        weights[:, :, place] = sign * seen if center is None else center + sign * seen


def _comparison_sums(weights: Tensor, like: Tensor, kernel_size: int, sign: int) -> tuple[Tensor, Tensor]:
    exact = _exact(weights)
    padded = _padded_zeros(like, kernel_size, exact)
    for place, sums in enumerate(_slices(padded, like, kernel_size)):
        sums += weights[:, :, place]
    center = map_like(like).copy_(weights.sum(2, dtype=exact))
    return center, map_like(like).copy_(sign * _folded(padded, like, kernel_size))


SLICES = WindowSums(_weighted_sums, _products, _spread_sums, _comparisons, _comparison_sums)


def _exact(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _grouped(maps: Tensor, channels: int) -> Tensor:
    """`(B, groups, channels, H, W)`: the groups that share a weight channel apart."""
    return torch.unflatten(maps, 1, (maps.shape[1] // channels, channels))


def _indices(maps: Tensor, kernel_size: int) -> tuple[Tensor, Tensor]:
    rows, cols = (reflection_indices(size, kernel_size // 2, device=maps.device) for size in maps.shape[2:])
    return rows, cols


def _padded(maps: Tensor, kernel_size: int) -> Tensor:
    rows, cols = _indices(maps, kernel_size)
    return maps.index_select(2, rows).index_select(3, cols)


def _padded_zeros(maps: Tensor, kernel_size: int, dtype: torch.dtype) -> Tensor:
    batch, channels, height, width = maps.shape
    margin = kernel_size - 1
    return maps.new_zeros(batch, channels, height + margin, width + margin, dtype=dtype)


def _folded(padded: Tensor, maps: Tensor, kernel_size: int) -> Tensor:
    """Add what stands at the places of a padded map up at the pixels that `_padded` puts there."""
    rows, cols = _indices(maps, kernel_size)
    height, width = maps.shape[2:]
    folded = padded.new_zeros(*padded.shape[:2], height, padded.shape[3]).index_add_(2, rows, padded)
    return folded.new_zeros(*padded.shape[:2], height, width).index_add_(3, cols, folded)


def _slices(padded: Tensor, maps: Tensor, kernel_size: int) -> Iterator[Tensor]:
    """Yield the views of a padded map that the places of the window show, place by place."""
    height, width = maps.shape[2:]
    for dy in range(kernel_size):
        for dx in range(kernel_size):
            yield padded[:, :, dy : dy + height, dx : dx + width]
