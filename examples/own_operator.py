"""Dilated window attention, an operator of one's own: everything sasa-nas needs to search over it.

sasa-nas check-operator examples/own_operator.py
sasa-nas search --space examples/own_operator.yaml --operators examples/own_operator.py --trials 8
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.nodes import OddInt, Positive
from sasa_nas.operators import Counts, Elementwise, Macs, Operator, register_operator, require_divisor
from sasa_nas.operators.probe import AttentionProbe


class DilatedAttention2d(nn.Module):
    """Attention of every pixel to a window whose pixels are `dilation` apart, without keys beyond the edge."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int, dilation: int, num_heads: int, stride: int
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
        self.kernel_size, self.dilation, self.num_heads = kernel_size, dilation, num_heads
        self.query = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.key = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.value = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        height, width, area = x.shape[2], x.shape[3], self.kernel_size**2
        heads = (-1, self.num_heads, self.out_channels // self.num_heads)

        def windows(maps: Tensor) -> Tensor:
            reach = self.kernel_size // 2 * self.dilation
            return F.unfold(maps, self.kernel_size, dilation=self.dilation, padding=reach)

        key, value = (windows(part(x)).view(*heads, area, height * width) for part in (self.key, self.value))
        inside = windows(x.new_ones(1, 1, height, width)).view(1, 1, area, height * width)
        logits = (self.query(x).view(*heads, 1, height * width) * key).sum(2)
        weights = logits.masked_fill(inside == 0, -float("inf")).softmax(2)
        out = (weights.unsqueeze(2) * value).sum(3).view(-1, self.out_channels, height, width)
        return out if self.stride == 1 else F.avg_pool2d(out, self.stride, ceil_mode=True, count_include_pad=False)


def count(layer: DilatedAttention2d, height: int, width: int) -> Counts:
    """Count the logits, the softmax, the weighted sum and the stride's pool."""
    pairs, pooled = height * width * layer.kernel_size**2, height * width * layer.out_channels * (layer.stride > 1)
    products = Macs(qk=pairs * layer.out_channels, av=pairs * layer.out_channels)
    return Counts(macs=products, elementwise=Elementwise(softmax=pairs * layer.num_heads, pool_inputs=pooled))


def probe(layer: DilatedAttention2d) -> AttentionProbe:
    """Describe how its weights are read off."""
    reach = layer.kernel_size // 2 * layer.dilation
    return AttentionProbe(heads=layer.num_heads, channels=layer.out_channels, changes={"stride": 1}, reach=reach)


@register_operator(
    short="dilat", letter="D", colour=("#7b3fa0", "#c9a0e8"), layer=DilatedAttention2d, count=count, probe=probe,
    examples=[{"kernel_size": 3, "num_heads": 2}, {"kernel_size": 3, "dilation": 3, "num_heads": 4}],
)  # fmt: skip
class DilatedAttention(Operator):
    """Self-attention in a window whose pixels are some way apart."""

    kind: Literal["dilated_attention"] = "dilated_attention"
    kernel_size: OddInt = 3
    dilation: Positive = 2
    num_heads: Positive = 4

    def check_width(self, width: int) -> None:
        """Check that the heads divide the width."""
        require_divisor("num_heads", self.num_heads, width)
