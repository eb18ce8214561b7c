"""From full size to the proxy's: widths, depths, and strides on small images."""

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sasa_nas.models import model_architecture
from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space import Architecture, Image, Proxy, Stage, proxy_of
from sasa_nas.space.scaling import SMALL_IMAGE, SMALLEST_MAP, fitted_to, scaled, scaled_width
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem


def square(side: int, channels: int = 3) -> Image:
    return Image(channels=channels, height=side, width=side)


def strides(architecture: Architecture) -> list[int]:
    return [stage.stride for stage in architecture.stages]


@pytest.mark.parametrize(
    ("side", "expected", "last"),
    [
        (1, [1, 1, 1, 1], 1),
        (2, [1, 1, 1, 1], 2),
        (4, [1, 1, 1, 2], 2),
        (8, [1, 1, 2, 2], 2),
        (12, [1, 1, 2, 2], 3),
        (28, [1, 2, 2, 2], 4),
        (32, [1, 2, 2, 2], 4),
        (64, [1, 2, 2, 2], 8),
        (65, [1, 2, 2, 2], 3),
        (96, [1, 2, 2, 2], 3),
        (224, [1, 2, 2, 2], 7),
    ],
)
def test_a_resnet_on_images_of_any_size(side: int, expected: list[int], last: int) -> None:
    fitted = fitted_to(model_architecture("resnet26"), square(side), 10)
    assert strides(fitted) == expected
    small = ConvStem(width=64, kernel_size=3, stride=1, pool=False)
    assert fitted.stem == (small if side <= 64 else ConvStem())
    size = side if side <= 64 else ceil(ceil(side / 2) / 2)
    for stride in strides(fitted):
        size = ceil(size / stride)
    assert size == last
    assert fitted.image == square(side)
    assert fitted.num_classes == 10


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 80), width=st.integers(1, 80), wanted=st.lists(st.integers(1, 2), min_size=1, max_size=7))
def test_no_map_of_a_small_image_falls_below_the_smallest(height: int, width: int, wanted: list[int]) -> None:
    architecture = Architecture(stages=tuple(Stage(width=8 + i, stride=s) for i, s in enumerate(wanted)))
    fitted = fitted_to(architecture, Image(height=height, width=width), 10)
    side = min(height, width)
    if side > SMALL_IMAGE:
        assert strides(fitted) == wanted
        return
    for stride in strides(fitted):
        side = ceil(side / stride)
    assert side >= min(SMALLEST_MAP, height, width)
    kept = sum(stride == 2 for stride in strides(fitted))
    # the strides that stay are the last ones, and there is no room for one more
    assert strides(fitted) == _last_strides(wanted, kept)
    if kept < wanted.count(2):
        assert min(height, width) / 2 ** (kept + 1) < SMALLEST_MAP
    assert [stage.width for stage in fitted.stages] == [stage.width for stage in architecture.stages]


def _last_strides(wanted: list[int], kept: int) -> list[int]:
    result, left = [], kept
    for stride in reversed(wanted):
        taken = stride == 2 and left > 0
        left -= taken
        result.append(2 if taken else 1)
    return result[::-1]


def test_the_shorter_side_decides() -> None:
    fitted = fitted_to(model_architecture("resnet26"), Image(height=224, width=8), 10)
    assert strides(fitted) == [1, 1, 2, 2]


@pytest.mark.parametrize("side", [32, 64, 96])
def test_a_design_may_keep_its_stem_and_strides_on_small_images(side: int) -> None:
    stages = tuple(Stage(stride=2) for _ in range(4))
    kept = Architecture(stem=ConvStem(), stages=stages, small_images="keep")
    assert fitted_to(kept, square(side), 10).stem == ConvStem()
    assert proxy_of(kept, Proxy(), square(side), 10).stages == stages
    assert kept.id != kept.model_copy(update={"small_images": "adapt"}).id


def test_an_attention_stem_keeps_its_blocks_and_loses_its_pool() -> None:
    stem = AttentionStem(kernel_size=4, values="plain", width=32)
    architecture = Architecture(stem=stem, stages=(Stage(),))
    assert fitted_to(architecture, square(32), 10).stem == stem.model_copy(update={"pool": False})
    assert fitted_to(architecture, square(96), 10).stem == stem


@pytest.mark.parametrize(
    ("width", "multiplier", "expected"),
    [
        (64, 0.25, 16),
        (64, 0.5, 32),
        (64, 2.0, 128),
        (32, 0.25, 8),
        (16, 0.25, 8),
        (8, 0.01, 8),
        (48, 0.25, 16),
        (40, 0.25, 8),
        (20, 1.0, 20),
        (100, 0.5, 48),
        (104, 0.5, 56),
    ],
)
def test_scaled_widths_are_the_nearest_multiples_of_eight(width: int, multiplier: float, expected: int) -> None:
    assert scaled_width(width, multiplier) == expected


@settings(deadline=None, max_examples=60)
@given(width=st.integers(1, 2048), multiplier=st.floats(0.05, 4.0).filter(lambda m: m != 1.0))
def test_scaled_widths_stay_near(width: int, multiplier: float) -> None:
    scaled = scaled_width(width, multiplier)
    assert scaled % 8 == 0
    assert scaled >= 8
    assert scaled == 8 or abs(scaled - width * multiplier) <= 4 + 1e-9


@pytest.mark.parametrize(
    ("blocks", "multiplier", "expected"), [(1, 0.5, 1), (2, 0.5, 1), (3, 0.5, 2), (6, 0.5, 3), (4, 0.1, 1), (3, 2.0, 6)]
)
def test_depths_are_rounded_half_up_and_never_vanish(blocks: int, multiplier: float, expected: int) -> None:
    small = scaled(Architecture(stages=(Stage(blocks=blocks),)), 1.0, multiplier)
    assert small.stages[0].blocks == expected


def test_scaling_by_one_is_the_identity() -> None:
    architecture = model_architecture("aa_resnet50")
    assert scaled(architecture, 1.0, 1.0) == architecture


def test_everything_but_widths_and_depths_is_kept() -> None:
    operator = LocalAttention(kernel_size=5, num_heads=2, positions="absolute", padding="zeros")
    architecture = Architecture(
        block="basic", stem=ConvStem(width=32, kernel_size=5), stages=(Stage(blocks=2, width=32, operator=operator),)
    )
    expected = Architecture(
        block="basic", stem=ConvStem(width=16, kernel_size=5), stages=(Stage(blocks=1, width=16, operator=operator),)
    )
    assert scaled(architecture, 0.5, 0.5) == expected


def test_key_channels_given_as_a_number_shrink_with_the_width() -> None:
    architecture = Architecture(stages=(Stage(operator=AugmentedConv(min_key_dim=20)),))
    operator = scaled(architecture, 0.25, 1.0).stages[0].operator
    assert isinstance(operator, AugmentedConv)
    assert operator.min_key_dim == 5
    tiny = scaled(architecture, 0.01, 1.0).stages[0].operator
    assert isinstance(tiny, AugmentedConv)
    assert tiny.min_key_dim == 1


def test_heads_that_do_not_divide_the_scaled_width_are_an_error() -> None:
    architecture = Architecture(stages=(Stage(width=48, operator=LocalAttention(num_heads=6)),))
    with pytest.raises(ValidationError, match="num_heads=6 does not divide width=16"):
        scaled(architecture, 0.25, 1.0)
    stem = Architecture(stem=AttentionStem(width=64, num_heads=16), stages=(Stage(),))
    with pytest.raises(ValidationError, match="num_heads=16 does not divide width=8"):
        scaled(stem, 0.125, 1.0)


def test_a_proxy_is_scaled_and_fitted() -> None:
    proxy = Proxy(width_multiplier=0.25, depth_multiplier=0.5)
    small = proxy_of(model_architecture("resnet26"), proxy, square(8, channels=1), 10)
    widths, depths, steps = (16, 32, 64, 128), (1, 1, 2, 1), (1, 1, 2, 2)
    assert small == Architecture(
        stem=ConvStem(width=16, kernel_size=3, stride=1, pool=False),
        stages=tuple(
            Stage(blocks=b, width=w, stride=s, operator=Conv()) for w, b, s in zip(widths, depths, steps, strict=True)
        ),
        image=Image(channels=1, height=8, width=8),
        num_classes=10,
    )
