"""Windows around every pixel of a map, and what lies beyond the map's edge."""

import torch
from torch import Tensor


def check_kernel_size(kernel_size: int) -> None:
    """Raise unless a window of this side has a centre.

    Args:
        kernel_size: Side of the window in pixels.

    Raises:
        ValueError: `kernel_size` is even or below one.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")


def check_alike(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise unless two arguments have one type and are on one device.

    Args:
        name: Name of the first tensor.
        tensor: The first tensor.
        other_name: Name of the second tensor, which the error is about.
        other: The second tensor.

    Raises:
        ValueError: They differ.
    """
    for what, theirs, ours in (("type", other.dtype, tensor.dtype), ("device", other.device, tensor.device)):
        if theirs != ours:
            raise ValueError(f"{other_name} must have the {what} of {name}, {ours}, got {theirs}")


def zero_padded_windows(maps: Tensor, kernel_size: int) -> Tensor:
    """Return the window around every pixel of a channels-last map, zeros standing for pixels beyond the edge.

    Args:
        maps: `(B, H, W, heads, head_dim)`.
        kernel_size: Side of the window, odd.

    Returns:
        A view of the padded map, `(B, H, W, heads, head_dim, kernel_size, kernel_size)`.
    """
    radius = kernel_size // 2
    padded = torch.nn.functional.pad(maps, (0, 0, 0, 0, radius, radius, radius, radius))
    return padded.unfold(1, kernel_size, 1).unfold(2, kernel_size, 1)


def reflection_indices(size: int, radius: int, *, device: torch.device) -> Tensor:
    """Return the pixel at each place of an axis padded by reflection.

    Equals torch's reflection padding wherever that is defined (`radius < size`). On a shorter axis the
    reflection bounces between both ends, and the only pixel of an axis of size one is repeated, because
    networks here run on maps down to 1x1.

    Args:
        size: Pixels along the axis, at least one.
        radius: Places added at either end.
        device: Device of the indices.

    Returns:
        `(size + 2 * radius,)` int64 indices in `[0, size)`.
    """
    period = max(2 * (size - 1), 1)
    places = torch.arange(-radius, size + radius, device=device).remainder(period)
    return torch.minimum(places, period - places)


def window_selection(height: int, width: int, kernel_size: int, *, like: Tensor) -> Tensor:
    """Return the pixel of a small map at each place of each pixel's window, the map being reflected at its edges.

    Args:
        height: Height of the map in pixels.
        width: Width of the map in pixels.
        kernel_size: Side of the window, odd.
        like: Gives the result's type and device.

    Returns:
        `(kernel_size**2, H * W, H * W)`: one at `[place, pixel, pixel shown]`, zero elsewhere.
    """
    radius = kernel_size // 2
    rows = reflection_indices(height, radius, device=like.device).unfold(0, kernel_size, 1)
    cols = reflection_indices(width, radius, device=like.device).unfold(0, kernel_size, 1)
    shown = rows.t()[:, None, :, None] * width + cols.t()[None, :, None, :]
    pixels = torch.arange(height * width, device=like.device)
    return (shown.reshape(kernel_size**2, -1, 1) == pixels).to(like.dtype)


def is_small_map(height: int, width: int) -> bool:
    """Return whether products with `window_selection` beat moving windows about, as measured on a CPU."""
    return height * width <= 64


def reflected_windows(maps: Tensor, kernel_size: int) -> Tensor:
    """Return the window around every pixel of a channels-first map, the map being reflected at its edges.

    Args:
        maps: `(B, C, H, W)`.
        kernel_size: Side of the window, odd.

    Returns:
        `(B, C, kernel_size**2, H, W)`, the window's pixels row by row.

    Raises:
        ValueError: `kernel_size` is even or below one.
    """
    check_kernel_size(kernel_size)
    height, width = maps.shape[2:]
    if is_small_map(height, width):
        selection = window_selection(height, width, kernel_size, like=maps)
        windows = maps.flatten(2) @ selection.flatten(0, 1).t()
    else:
        radius = kernel_size // 2
        rows = reflection_indices(height, radius, device=maps.device)
        cols = reflection_indices(width, radius, device=maps.device)
        padded = maps.index_select(2, rows).index_select(3, cols)
        windows = torch.nn.functional.unfold(padded, kernel_size)
    return windows.view(*maps.shape[:2], kernel_size**2, height, width)
