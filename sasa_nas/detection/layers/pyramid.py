"""The backbone of a detector: a network without its classifier, and the feature pyramid on its last three maps."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F


class Trunk(nn.Module):
    """A network without its classifier, which gives the maps of its last three stages.

    Args:
        stem: A module from images to the first stage's input.
        stages: One module a stage.
    """

    def __init__(self, stem: nn.Module, stages: nn.Sequential) -> None:
        super().__init__()
        self.stem = stem
        self.stages = stages

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Map images `(B, 3, H, W)` to C3 to C5, under the names of the levels that are made from them."""
        x = self.stem(images)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return OrderedDict(zip(("p3", "p4", "p5"), maps[-3:], strict=True))


class CoarseLevels(nn.Module):
    """P6 from P5, and P7 from P6 after a ReLU (Lin et al. 2017, arXiv 1708.02002, with P5 in the place of C5).

    Args:
        p6: A module that halves a map.
        p7: A second module that halves a map.
    """

    def __init__(self, p6: nn.Module, p7: nn.Module) -> None:
        super().__init__()
        self.p6 = p6
        self.activation = nn.ReLU()
        self.p7 = p7

    def forward(self, p5: Tensor) -> tuple[Tensor, Tensor]:
        """Return P6 and P7."""
        p6 = self.p6(p5)
        return p6, self.p7(self.activation(p6))


class FeaturePyramid(nn.Module):
    """A feature pyramid (Lin et al. 2017, arXiv 1612.03144) with two coarser levels.

    Args:
        inner_blocks: A module for each of C3 to C5 that gives it the pyramid's width.
        layer_blocks: A module for each of P3 to P5, on the sum of a level and those above it.
        extra_blocks: P6 and P7 from P5.
    """

    def __init__(self, inner_blocks: nn.Sequential, layer_blocks: nn.Sequential, extra_blocks: CoarseLevels) -> None:
        super().__init__()
        self.inner_blocks = inner_blocks
        self.layer_blocks = layer_blocks
        self.extra_blocks = extra_blocks

    def forward(self, maps: OrderedDict[str, Tensor]) -> OrderedDict[str, Tensor]:
        """Map C3 to C5, `(B, channels, H, W)` each, to the levels P3 to P7."""
        sums = [inner(x) for inner, x in zip(self.inner_blocks, maps.values(), strict=True)]
        for i in range(len(sums) - 2, -1, -1):
            sums[i] = sums[i] + F.interpolate(sums[i + 1], size=sums[i].shape[-2:], mode="nearest")
        levels = [layer(x) for layer, x in zip(self.layer_blocks, sums, strict=True)]
        return OrderedDict(zip((*maps, "p6", "p7"), (*levels, *self.extra_blocks(levels[-1])), strict=True))


class PyramidBackbone(nn.Module):
    """Trunk and pyramid.

    Args:
        body: The trunk.
        fpn: The pyramid.
        out_channels: Channels of every level.
    """

    def __init__(self, body: Trunk, fpn: FeaturePyramid, out_channels: int) -> None:
        super().__init__()
        self.body = body
        self.fpn = fpn
        self.out_channels = out_channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Map images `(B, 3, H, W)` to the levels P3 to P7."""
        levels: OrderedDict[str, Tensor] = self.fpn(self.body(images))
        return levels
