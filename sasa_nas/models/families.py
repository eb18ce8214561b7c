"""The papers' families of networks, each a function from its parameters to an `Architecture`."""

from collections.abc import Sequence

from sasa_nas.blocks import Stage
from sasa_nas.channel_attention import ChannelAttention
from sasa_nas.channel_attention.squeeze_excitation import SqueezeExcitation
from sasa_nas.operators import Operator
from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.operators.patchwise import Patchwise
from sasa_nas.space.architecture import Architecture, Image
from sasa_nas.stems import Stem
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem

BOTTLENECK_DEPTHS = {
    26: (1, 2, 4, 1),
    38: (2, 3, 5, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks per stage of ResNets of bottlenecks, by depth; 26 and 38 are SASA's additional depths."""
BASIC_DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Blocks per stage of ResNets of basic blocks, by depth."""
SAN_DEPTHS = {10: (2, 1, 2, 4, 1), 15: (3, 2, 3, 5, 2), 19: (3, 3, 4, 6, 3)}
"""Blocks per stage of the self-attention networks, by depth."""
MNASNET_WIDTHS = {"075": 0.75, "100": 1.0, "125": 1.25, "140": 1.4}
"""Width multipliers of the MnasNets, by name."""

_RESNET_WIDTHS = (64, 128, 256, 512)


def resnet(depth: int) -> Architecture:
    """Return a ResNet (He et al. 2015, arXiv 1512.03385), with the stride in the 3x3 convolution."""
    return _resnet(depth, [Conv()] * 4)


def sasa_resnet(depth: int, *, attention_stem: bool) -> Architecture:
    """Return a ResNet of stand-alone attention (Ramachandran et al. 2019, arXiv 1906.05909): every 3x3 replaced."""
    stem = AttentionStem() if attention_stem else ConvStem()
    return _resnet(depth, [LocalAttention(kernel_size=7, num_heads=8)] * 4, stem=stem)


def aa_resnet(depth: int) -> Architecture:
    """Return an attention augmented ResNet (Bello et al. 2019, arXiv 1904.09925), augmented in the last three stages.

    Basic blocks are augmented in their first convolution alone, with kappa = upsilon = 0.25.
    """
    if depth in BASIC_DEPTHS:
        later = AugmentedConv(key_ratio=0.25, value_ratio=0.25)
    else:
        later = AugmentedConv(key_ratio=0.2, value_ratio=0.1)
    first = later.model_copy(update={"downsample": True})
    return _resnet(depth, [Conv(), first, later, later], first_only=depth in BASIC_DEPTHS)


def channel_attention_resnet(depth: int, attention: ChannelAttention) -> Architecture:
    """Return a ResNet with attention over channels: in every block, or BAM after all stages but the last."""
    last = None if attention.after_stage else attention
    return _resnet(depth, [Conv()] * 4, channel_attention=[attention, attention, attention, last])


def _resnet(
    depth: int,
    operators: Sequence[Operator],
    *,
    stem: Stem | None = None,
    channel_attention: Sequence[ChannelAttention | None] = (None,) * 4,
    first_only: bool = False,
) -> Architecture:
    is_basic = depth in BASIC_DEPTHS
    stages = [
        Stage(
            blocks=blocks,
            width=width,
            stride=1 if i == 0 else 2,
            operator=operators[i],
            replaces="first" if first_only and not isinstance(operators[i], Conv) else "all",
            channel_attention=channel_attention[i],
        )
        for i, (blocks, width) in enumerate(
            zip(BASIC_DEPTHS[depth] if is_basic else BOTTLENECK_DEPTHS[depth], _RESNET_WIDTHS, strict=True)
        )
    ]
    return Architecture(block="basic" if is_basic else "bottleneck", stem=stem or ConvStem(), stages=tuple(stages))


def wide_resnet(depth: int, widening: int, *, augmented: bool) -> Architecture:
    """Return a wide ResNet for CIFAR-100 (Zagoruyko and Komodakis 2016, arXiv 1605.07146).

    Shortcuts have no parameters, as in Bello et al. 2019 (section 4.1); an augmented one replaces the first 3x3 of
    every block.
    """
    operator = AugmentedConv(key_ratio=0.2, value_ratio=0.1) if augmented else Conv()
    stages = [
        Stage(
            blocks=(depth - 4) // 6,
            width=width * widening,
            stride=1 if i == 0 else 2,
            operator=operator,
            replaces="first" if augmented else "all",
        )
        for i, width in enumerate((16, 32, 64))
    ]
    return Architecture(
        block="preactivation",
        shortcut="parameter_free",
        stem=ConvStem(width=16, kernel_size=3, stride=1, pool=False, activation=False),
        stages=tuple(stages),
        image=Image(height=32, width=32),
        num_classes=100,
    )


def mnasnet(multiplier: float, *, augmented: bool) -> Architecture:
    """Return MnasNet-A1 (Tan et al. 2019, arXiv 1807.11626, figure 7).

    An augmented one (Bello et al. 2019, section 4.3) replaces the expansions of the last 13 blocks, with half the
    resolution in blocks with 28x28 output pixels. Squeeze and excitation has a quarter of a block's input
    channels, that is, `1 / (4 * expansion)` of the hidden ones.
    """
    # blocks, channels, stride, expansion, side of the depthwise kernel, squeeze and excitation
    rows = (
        (1, 16, 1, 1, 3, False),
        (2, 24, 2, 6, 3, False),
        (3, 40, 2, 3, 5, True),
        (4, 80, 2, 6, 3, False),
        (2, 112, 1, 6, 3, True),
        (3, 160, 2, 6, 5, True),
        (1, 320, 1, 6, 3, False),
    )
    first_augmented = 2
    augmentation = AugmentedConv(kernel_size=1, num_heads=4, key_ratio=0.1, value_ratio=0.05, min_key_dim=1)
    stages = [
        Stage(
            blocks=blocks,
            width=_mnasnet_width(channels, multiplier),
            stride=stride,
            operator=augmentation.model_copy(update={"downsample": i == first_augmented})
            if augmented and i >= first_augmented
            else Conv(kernel_size=1),
            expansion=expansion,
            depthwise_size=depthwise,
            channel_attention=SqueezeExcitation(reduction=4 * expansion) if squeezes else None,
        )
        for i, (blocks, channels, stride, expansion, depthwise, squeezes) in enumerate(rows)
    ]
    stem = ConvStem(width=_mnasnet_width(32, multiplier), kernel_size=3, stride=2, pool=False)
    return Architecture(block="inverted", stem=stem, stages=tuple(stages), head_width=1280)


def _mnasnet_width(width: int, multiplier: float) -> int:
    """Return the multiple of 8 nearest to `width * multiplier`, or the next if that is more than a tenth too small."""
    rounded = max(8, int(width * multiplier + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width * multiplier else rounded


def san(depth: int, operator: Pairwise | Patchwise) -> Architecture:
    """Return a self-attention network (Zhao, Jia, Koltun 2020, arXiv 2004.13621, Table 1), the first footprint 3x3."""
    stages = [
        Stage(
            blocks=blocks,
            width=width,
            stride=2,
            operator=operator.model_copy(update={"kernel_size": 3 if i == 0 else 7}),
        )
        for i, (blocks, width) in enumerate(zip(SAN_DEPTHS[depth], (16, 64, 128, 256, 512), strict=True))
    ]
    return Architecture(block="san", stem=ConvStem(kernel_size=1, stride=1, pool=False), stages=tuple(stages))
