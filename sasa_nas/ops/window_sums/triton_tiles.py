"""Parts shared by the Triton kernels of window sums: which numbers a program handles, and where they are in memory.

A program has a tile `(GROUPS, CHANNELS, PIXELS)` of one image: some groups of the channels of some weight channels, at
some pixels. Group g of weight channel v is channel `g * weight_channels + v`. Tensors may have any strides; addresses
are 64 bits wide, since a batch of weights soon has 2^31 numbers.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

SIZES = [
    *("height", "width", "weight_channels", "groups", "group_blocks"),
    *(f"weights_s{axis}" for axis in "bj"),
    *(f"{name}_s{axis}" for name in ("center", "shown") for axis in "by"),
]
"""Numbers that a kernel is not compiled anew for, such as it would be for a map whose width is a multiple of 16."""


@triton.jit
def tile_of_program(
    pixels,
    weight_channels,
    group_blocks,
    GROUPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
):
    """Return the image, and `(GROUPS, 1, 1)`, `(1, CHANNELS, 1)`, `(1, 1, PIXELS)` groups, channels and pixels."""
    program = tl.program_id(0)
    pixel_blocks = tl.cdiv(pixels, PIXELS)
    channel_blocks = tl.cdiv(weight_channels, CHANNELS)
    pixel = (program % pixel_blocks) * PIXELS + tl.arange(0, PIXELS)
    program = program // pixel_blocks
    channel = (program % channel_blocks) * CHANNELS + tl.arange(0, CHANNELS)
    program = program // channel_blocks
    group = (program % group_blocks) * GROUPS + tl.arange(0, GROUPS)
    batch = (program // group_blocks).to(tl.int64)
    return batch, group[:, None, None], channel[None, :, None], pixel[None, None, :]


@triton.jit
def reflected(place, size, BOUNCES: tl.constexpr):
    """Return the pixel at a place of an axis that is reflected at its ends, repeatedly if windows exceed the map."""
    period = tl.maximum(2 * (size - 1), 1)
    if BOUNCES:
        place = place % period
        place = tl.where(place < 0, place + period, place)
    else:
        place = tl.abs(place)
    return tl.minimum(place, period - place)


@triton.jit
def offsets(channel, y, x, stride_c, stride_y, stride_x):
    """Return the places of numbers of an image; all arguments broadcast."""
    at = channel.to(tl.int64) * stride_c + y.to(tl.int64) * stride_y
    return at + x.to(tl.int64) * stride_x
