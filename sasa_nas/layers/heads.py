"""Between channels-first maps and the heads of attention."""

from torch import Tensor
from torch.nn import functional as F


def split_heads(maps: Tensor, num_heads: int) -> Tensor:
    """View `(B, C, H, W)` as `(B, H, W, num_heads, C // num_heads)`, without a copy."""
    batch, channels, height, width = maps.shape
    return maps.permute(0, 2, 3, 1).view(batch, height, width, num_heads, channels // num_heads)


def merge_heads(heads: Tensor) -> Tensor:
    """Return the inverse of `split_heads`: `(B, H, W, heads, head_dim)` to `(B, heads * head_dim, H, W)`."""
    return heads.flatten(3).permute(0, 3, 1, 2)


def stride_pool(maps: Tensor, stride: int) -> Tensor:
    """Averages `stride` x `stride` blocks, as attention that strides does with its output.

    Blocks cut by the edge average the pixels they have, so `(B, C, H, W)` becomes
    `(B, C, ceil(H / stride), ceil(W / stride))`.
    """
    if stride == 1:
        return maps
    return F.avg_pool2d(maps, stride, ceil_mode=True, count_include_pad=False)
