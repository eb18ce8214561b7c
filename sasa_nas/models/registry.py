"""Named networks. Each is an `Architecture`, data like any other, made by one function of this file."""

import difflib
from collections.abc import Callable, Sequence
from functools import partial

from sasa_nas.errors import UserError
from sasa_nas.space.architecture import Architecture, Stage
from sasa_nas.space.operators import AugmentedConv, Conv, LocalAttention, Operator
from sasa_nas.space.stems import AttentionStem, ConvStem, Stem

_WIDTHS = (64, 128, 256, 512)
_BOTTLENECK_DEPTHS = {
    26: (1, 2, 4, 1),
    38: (2, 3, 5, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_BASIC_DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def model_architecture(name: str) -> Architecture:
    """The architecture of the network called `name`, for images of 224 x 224 and 1000 classes.

    Raises:
        UserError: If there is none of that name.
    """
    if name not in _MODELS:
        near = difflib.get_close_matches(name, _MODELS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UserError(f"no network is called '{name}': {hint}`sasa-nas list models` shows all {len(_MODELS)}")
    return _MODELS[name]()


def list_models() -> list[str]:
    """The names of all named networks, in alphabetical order."""
    return sorted(_MODELS)


def _bottleneck(depths: Sequence[int], operators: Sequence[Operator], stem: Stem) -> Architecture:
    return _resnet("bottleneck", depths, operators, stem)


def _resnet(block: str, depths: Sequence[int], operators: Sequence[Operator], stem: Stem) -> Architecture:
    stages = [
        Stage(blocks=blocks, width=width, stride=1 if i == 0 else 2, operator=operator)
        for i, (blocks, width, operator) in enumerate(zip(depths, _WIDTHS, operators, strict=True))
    ]
    return Architecture.model_validate({"block": block, "stem": stem, "stages": stages})


def _conv_resnet(depth: int) -> Architecture:
    """ResNets (He et al. 2015); 26 and 38 are the depths that SASA adds."""
    if depth in _BASIC_DEPTHS:
        return _resnet("basic", _BASIC_DEPTHS[depth], [Conv()] * 4, ConvStem())
    return _bottleneck(_BOTTLENECK_DEPTHS[depth], [Conv()] * 4, ConvStem())


def _sasa_resnet(depth: int, stem: Stem) -> Architecture:
    """Stand-alone self-attention (Ramachandran et al. 2019, arXiv 1906.05909): every 3x3 replaced."""
    return _bottleneck(_BOTTLENECK_DEPTHS[depth], [LocalAttention(kernel_size=7, num_heads=8)] * 4, stem)


def _aa_resnet(depth: int) -> Architecture:
    """Attention augmented convolution (Bello et al. 2019, arXiv 1904.09925) in the last three stages."""
    first = AugmentedConv(downsample=True)
    return _bottleneck(_BOTTLENECK_DEPTHS[depth], [Conv(), first, AugmentedConv(), AugmentedConv()], ConvStem())


_MODELS: dict[str, Callable[[], Architecture]] = {
    **{f"resnet{depth}": partial(_conv_resnet, depth) for depth in (*_BASIC_DEPTHS, *_BOTTLENECK_DEPTHS)},
    **{f"sasa_resnet{depth}": partial(_sasa_resnet, depth, ConvStem()) for depth in (26, 38, 50)},
    **{f"sasa_full_resnet{depth}": partial(_sasa_resnet, depth, AttentionStem()) for depth in (26, 38, 50)},
    **{f"aa_resnet{depth}": partial(_aa_resnet, depth) for depth in (50, 101, 152)},
}
