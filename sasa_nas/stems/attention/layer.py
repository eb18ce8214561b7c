"""The attention stem of a fully attentional network."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

StemValues = Literal["plain", "conv_values", "spatially_aware"]
"""Source of the values: a 1x1 projection, a convolution, or a mixture of projections by position."""


class AttentionStem(nn.Module):
    """Attention inside blocks of pixels, batch norm, max pool (Ramachandran et al. 2019, section 3.2).

    The image is cut into blocks that do not overlap; every pixel attends to its own block, by content
    alone, without a factor. What a plain 1x1 value projection of a raw pixel cannot express, its place,
    enters through the values (the paper's Table 7):

    - `plain`: `v = W_V x`.
    - `conv_values`: `v` is a convolution of the block's size over the image (zero padded, one pixel more
      after than before where the size is even; it sees across blocks).
    - `spatially_aware`: at place (a, b) of a block `v = (sum_m p(a, b, m) W_V^m) x`, with
      `p(a, b, m) = softmax_m((emb_row(a) + emb_col(b)) . nu_m)`, shared by the heads.

    No relative embeddings, no biases: with 3 to 64 channels in blocks of 4x4, the spatially aware stem then
    has 2 * 3 * 64 (queries, keys) + 4 * 3 * 64 (four W_V^m) + 3 * 4 * 16 (emb_row, emb_col, nu) + 128 (batch
    norm) = 1,472 parameters, which makes the published full-attention ResNet-50 come to 18,007,440.

    An image that blocks do not tile is padded; padded pixels are no keys and leave no output. Batch norm
    is followed by the max pool directly, as in the paper, without a ReLU.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of queries, keys, values and the result; `num_heads` divides it.
        kernel_size: Side of a block and of the max pool in pixels.
        num_heads: Number of heads.
        values: Source of the values.
        mixtures: Projections that `spatially_aware` values mix.
        embedding_dim: Width of the position embeddings of `spatially_aware` values.
        pool: Whether the max pool of one block's size follows.

    Raises:
        ValueError: An argument does not fit; the message names it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 4,
        num_heads: int = 4,
        values: StemValues = "spatially_aware",
        mixtures: int = 4,
        embedding_dim: int = 16,
        pool: bool = True,
    ) -> None:
        super().__init__()
        counts = {"kernel_size": kernel_size, "mixtures": mixtures, "embedding_dim": embedding_dim}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        if num_heads < 1 or out_channels % num_heads:
            raise ValueError(f"num_heads={num_heads} must divide out_channels={out_channels}")
        if values not in get_args(StemValues):
            raise ValueError(f"values must be one of {get_args(StemValues)}, got {values!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.num_heads = num_heads
        self.values = values
        self.mixtures = mixtures
        self.embedding_dim = embedding_dim
        self.pool = pool
        self.head_dim = out_channels // num_heads
        self.query = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.key = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.value: nn.Conv2d | None = None
        if values == "spatially_aware":
            # Uniform as torch draws a 1x1 convolution of as many inputs.
            bound = in_channels**-0.5
            weights = torch.empty(mixtures, in_channels, out_channels).uniform_(-bound, bound)
            self.value_mixture = nn.Parameter(weights)
            self.emb_row = nn.Parameter(torch.randn(kernel_size, embedding_dim) * embedding_dim**-0.5)
            self.emb_col = nn.Parameter(torch.randn(kernel_size, embedding_dim) * embedding_dim**-0.5)
            self.nu = nn.Parameter(torch.randn(mixtures, embedding_dim) * embedding_dim**-0.5)
        else:
            side = kernel_size if values == "conv_values" else 1
            self.value = nn.Conv2d(in_channels, out_channels, side, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `(B, in_channels, H, W)` to `(B, out_channels, h, w)`.

        `h` is `ceil(H / kernel_size)` with the pool and H without; `w` likewise.
        """
        height, width = x.shape[2:]
        gap = (0, -width % self.kernel_size, 0, -height % self.kernel_size)
        padded = F.pad(x, gap)
        query = self._blocks(self.query(padded), self.num_heads)
        key = self._blocks(self.key(padded), self.num_heads)
        value = self._values(padded)
        logits = query @ key.transpose(-1, -2)
        if any(gap):
            inside = F.pad(torch.ones((1, 1, height, width), dtype=torch.bool, device=x.device), gap)
            logits = logits.masked_fill(~self._blocks(inside, 1).transpose(-1, -2), float("-inf"))
        attended = logits.softmax(-1).to(value.dtype) @ value
        out: Tensor = self.norm(self._unblocked(attended)[:, :, :height, :width])
        if self.pool:
            out = F.max_pool2d(out, self.kernel_size, ceil_mode=True)
        return out

    def _blocks(self, maps: Tensor, num_heads: int) -> Tensor:
        """Cut `(B, C, H, W)` into blocks: `(B, H/k, W/k, heads, k*k, C / heads)`."""
        side = self.kernel_size
        batch, channels, height, width = maps.shape
        blocks = maps.reshape(batch, num_heads, channels // num_heads, height // side, side, width // side, side)
        return blocks.permute(0, 3, 5, 1, 4, 6, 2).flatten(4, 5)

    def _unblocked(self, blocks: Tensor) -> Tensor:
        """Return the inverse of `_blocks`: `(B, out_channels, H, W)`."""
        batch, rows, cols = blocks.shape[:3]
        side = self.kernel_size
        parts = blocks.reshape(batch, rows, cols, self.num_heads, side, side, self.head_dim)
        parts = parts.permute(0, 3, 6, 1, 4, 2, 5)
        return parts.reshape(batch, self.out_channels, rows * side, cols * side)

    def _values(self, padded: Tensor) -> Tensor:
        """Return the values of every block: `(B, H/k, W/k, heads, k*k, head_dim)`."""
        if self.value is not None:
            side = self.value.kernel_size[0]
            before, after = (side - 1) // 2, side // 2
            return self._blocks(self.value(F.pad(padded, (before, after, before, after))), self.num_heads)
        place = self.emb_row[:, None] + self.emb_col
        shares = torch.einsum("abe,me->abm", place, self.nu).softmax(-1)
        # Mixing the projections first costs one projection a pixel, not `mixtures` of them.
        projection = torch.einsum("abm,mio->abio", shares, self.value_mixture).flatten(0, 1)
        blocks = self._blocks(padded, 1)
        values = (blocks.flatten(0, 3).transpose(0, 1) @ projection).transpose(0, 1)
        return values.reshape(*blocks.shape[:3], -1, self.num_heads, self.head_dim).transpose(3, 4)
