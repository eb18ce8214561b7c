"""The sums over windows in Triton; see sums.py for the equations.

Every number is summed by one program in a fixed order, in float32: the same inputs give the same bits. A window's rows
and columns are a loop each, so that nothing of a window is in memory but the weights themselves.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from sasa_nas.ops.window_sums.triton_tiles import SIZES, offsets, reflected, tile_of_program


@triton.jit(do_not_specialize=SIZES)
def weighted_sums_kernel(
    weights_ptr,
    center_ptr,
    shown_ptr,
    weights_sb,
    weights_sc,
    weights_sj,
    weights_sy,
    weights_sx,
    center_sb,
    center_sc,
    center_sy,
    center_sx,
    shown_sb,
    shown_sc,
    shown_sy,
    shown_sx,
    height,
    width,
    weight_channels,
    groups,
    group_blocks,
    KERNEL_SIZE: tl.constexpr,
    GROUPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
    BOUNCES: tl.constexpr,
):
    """Write center from weights and shown."""
    batch, group, channel, pixel = tile_of_program(
        height * width, weight_channels, group_blocks, GROUPS, CHANNELS, PIXELS
    )
    y = pixel // width
    x = pixel % width
    known = (pixel < height * width) & (channel < weight_channels)
    real = known & (group < groups)
    map_channel = group * weight_channels + channel
    weight_ptr = weights_ptr + batch * weights_sb + offsets(channel, y, x, weights_sc, weights_sy, weights_sx)
    shown_ptr += batch * shown_sb
    sums = tl.zeros([GROUPS, CHANNELS, PIXELS], tl.float32)
    for dy in range(KERNEL_SIZE):
        seen_y = reflected(y + dy - KERNEL_SIZE // 2, height, BOUNCES)
        for dx in range(KERNEL_SIZE):
            seen_x = reflected(x + dx - KERNEL_SIZE // 2, width, BOUNCES)
            weight = tl.load(weight_ptr, mask=known, other=0.0).to(tl.float32)
            at = offsets(map_channel, seen_y, seen_x, shown_sc, shown_sy, shown_sx)
            sums += weight * tl.load(shown_ptr + at, mask=real, other=0.0).to(tl.float32)
            weight_ptr += weights_sj
    at = offsets(map_channel, y, x, center_sc, center_sy, center_sx)
    tl.store(center_ptr + batch * center_sb + at, sums.to(center_ptr.dtype.element_ty), mask=real)


@triton.jit(do_not_specialize=SIZES)
def products_kernel(
    weights_ptr,
    center_ptr,
    shown_ptr,
    weights_sb,
    weights_sc,
    weights_sj,
    weights_sy,
    weights_sx,
    center_sb,
    center_sc,
    center_sy,
    center_sx,
    shown_sb,
    shown_sc,
    shown_sy,
    shown_sx,
    height,
    width,
    weight_channels,
    groups,
    group_blocks,
    KERNEL_SIZE: tl.constexpr,
    GROUPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
    BOUNCES: tl.constexpr,
    ONE_BLOCK: tl.constexpr,
):
    """Write weights from center and shown, all groups in one program; they are read once where they are ONE_BLOCK."""
    batch, group, channel, pixel = tile_of_program(height * width, weight_channels, 1, GROUPS, CHANNELS, PIXELS)
    y = pixel // width
    x = pixel % width
    known = (pixel < height * width) & (channel < weight_channels)
    real = known & (group < groups)
    map_channel = group * weight_channels + channel
    weight_ptr = weights_ptr + batch * weights_sb + offsets(channel, y, x, weights_sc, weights_sy, weights_sx)
    shown_ptr += batch * shown_sb
    center_ptr += batch * center_sb + offsets(map_channel, y, x, center_sc, center_sy, center_sx)
    group_step = tl.cast(weight_channels, tl.int64) * GROUPS
    center = tl.load(center_ptr, mask=real, other=0.0).to(tl.float32)
    for dy in range(KERNEL_SIZE):
        seen_y = reflected(y + dy - KERNEL_SIZE // 2, height, BOUNCES)
        for dx in range(KERNEL_SIZE):
            seen_x = reflected(x + dx - KERNEL_SIZE // 2, width, BOUNCES)
            at = offsets(map_channel, seen_y, seen_x, shown_sc, shown_sy, shown_sx)
            product = center * tl.load(shown_ptr + at, mask=real, other=0.0).to(tl.float32)
            if not ONE_BLOCK:
                for block in range(1, group_blocks):
                    more = known & (group + block * GROUPS < groups)
                    far = block * group_step
                    factor = tl.load(center_ptr + far * center_sc, mask=more, other=0.0).to(tl.float32)
                    product += factor * tl.load(shown_ptr + at + far * shown_sc, mask=more, other=0.0).to(tl.float32)
            weight = tl.sum(product, 0)[None, :, :]
            tl.store(weight_ptr, weight.to(weights_ptr.dtype.element_ty), mask=known)
            weight_ptr += weights_sj


@triton.jit(do_not_specialize=SIZES)
def spread_sums_kernel(
    weights_ptr,
    center_ptr,
    padded_ptr,
    weights_sb,
    weights_sc,
    weights_sj,
    weights_sy,
    weights_sx,
    center_sb,
    center_sc,
    center_sy,
    center_sx,
    height,
    width,
    weight_channels,
    groups,
    group_blocks,
    KERNEL_SIZE: tl.constexpr,
    GROUPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
    HAS_CENTER: tl.constexpr,
):
    """Write what every place of the padded map is worth to the windows that show it; no center is one of ones.

    `padded` is a contiguous `(B, C, H + KERNEL_SIZE - 1, W + KERNEL_SIZE - 1)` float32, for `fold_kernel`.
    """
    padded_width = width + KERNEL_SIZE - 1
    places = (height + KERNEL_SIZE - 1) * padded_width
    batch, group, channel, place = tile_of_program(places, weight_channels, group_blocks, GROUPS, CHANNELS, PIXELS)
    known = (place < places) & (channel < weight_channels)
    real = known & (group < groups)
    map_channel = group * weight_channels + channel
    weights_ptr += batch * weights_sb
    center_ptr += batch * center_sb
    sums = tl.zeros([GROUPS, CHANNELS, PIXELS], tl.float32)
    for dy in range(KERNEL_SIZE):
        y = place // padded_width - dy
        in_map_y = known & (y >= 0) & (y < height)
        for dx in range(KERNEL_SIZE):
            x = place % padded_width - dx
            in_map = in_map_y & (x >= 0) & (x < width)
            at = offsets(channel, y, x, weights_sc, weights_sy, weights_sx)
            weight = tl.load(weights_ptr + at, mask=in_map, other=0.0).to(tl.float32)
            if HAS_CENTER:
                at = offsets(map_channel, y, x, center_sc, center_sy, center_sx)
                sums += weight * tl.load(center_ptr + at, mask=real & in_map, other=0.0).to(tl.float32)
            else:
                sums += weight
            weights_ptr += weights_sj
    channels = tl.cast(groups, tl.int64) * weight_channels
    at = offsets(map_channel, place, place, tl.cast(places, tl.int64), 1, 0)
    tl.store(padded_ptr + batch * channels * places + at, sums, mask=real)


@triton.jit(do_not_specialize=[*SIZES, "images_y", "images_x"])
def fold_kernel(
    padded_ptr,
    shown_ptr,
    shown_sb,
    shown_sc,
    shown_sy,
    shown_sx,
    height,
    width,
    weight_channels,
    groups,
    group_blocks,
    images_y,
    images_x,
    sign,
    KERNEL_SIZE: tl.constexpr,
    GROUPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
):
    """Add up, for every pixel of shown, all places of the padded map where it is reflected to."""
    batch, group, channel, pixel = tile_of_program(
        height * width, weight_channels, group_blocks, GROUPS, CHANNELS, PIXELS
    )
    y = pixel // width
    x = pixel % width
    real = (pixel < height * width) & (channel < weight_channels) & (group < groups)
    map_channel = group * weight_channels + channel
    padded_height = height + KERNEL_SIZE - 1
    padded_width = width + KERNEL_SIZE - 1
    places = tl.cast(padded_height, tl.int64) * padded_width
    padded_ptr += batch * groups * weight_channels * places
    sums = tl.zeros([GROUPS, CHANNELS, PIXELS], tl.float32)
    for image_y in range(images_y):
        place_y = image_place(y, height, image_y, images_y, KERNEL_SIZE)
        seen_y = real & (place_y >= 0) & (place_y < padded_height)
        for image_x in range(images_x):
            place_x = image_place(x, width, image_x, images_x, KERNEL_SIZE)
            seen = seen_y & (place_x >= 0) & (place_x < padded_width)
            at = offsets(map_channel, place_y, place_x, places, padded_width, 1)
            sums += tl.load(padded_ptr + at, mask=seen, other=0.0)
    at = offsets(map_channel, y, x, shown_sc, shown_sy, shown_sx)
    tl.store(shown_ptr + batch * shown_sb + at, (sums * sign).to(shown_ptr.dtype.element_ty), mask=real)


@triton.jit
def image_place(pixel, size, image, images, KERNEL_SIZE: tl.constexpr):
    """Return the place on the padded axis of image number `image` of a pixel, -1 where it has none of its own.

    Even numbers are shifted by multiples of the period, odd ones reflected too; a pixel on the mirror is its own image.
    """
    period = tl.maximum(2 * (size - 1), 1)
    shift = (image // 2 - images // 4) * period + KERNEL_SIZE // 2
    mirrored = image % 2 == 1
    place = tl.where(mirrored, shift - pixel, shift + pixel)
    return tl.where(mirrored & (2 * pixel % period == 0), -1, place)


@triton.jit(do_not_specialize=SIZES)
def comparisons_kernel(
    weights_ptr,
    center_ptr,
    shown_ptr,
    weights_sb,
    weights_sc,
    weights_sj,
    weights_sy,
    weights_sx,
    center_sb,
    center_sc,
    center_sy,
    center_sx,
    shown_sb,
    shown_sc,
    shown_sy,
    shown_sx,
    height,
    width,
    weight_channels,
    sign,
    KERNEL_SIZE: tl.constexpr,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
    BOUNCES: tl.constexpr,
    HAS_CENTER: tl.constexpr,
):
    """Write weights from shown and, where there is one, center."""
    batch, _group, channel, pixel = tile_of_program(height * width, weight_channels, 1, 1, CHANNELS, PIXELS)
    y = pixel // width
    x = pixel % width
    real = (pixel < height * width) & (channel < weight_channels)
    weight_ptr = weights_ptr + batch * weights_sb + offsets(channel, y, x, weights_sc, weights_sy, weights_sx)
    shown_ptr += batch * shown_sb
    center = tl.zeros([1, CHANNELS, PIXELS], tl.float32)
    if HAS_CENTER:
        at = batch * center_sb + offsets(channel, y, x, center_sc, center_sy, center_sx)
        center += tl.load(center_ptr + at, mask=real, other=0.0).to(tl.float32)
    for dy in range(KERNEL_SIZE):
        seen_y = reflected(y + dy - KERNEL_SIZE // 2, height, BOUNCES)
        for dx in range(KERNEL_SIZE):
            seen_x = reflected(x + dx - KERNEL_SIZE // 2, width, BOUNCES)
            at = offsets(channel, seen_y, seen_x, shown_sc, shown_sy, shown_sx)
            shown = tl.load(shown_ptr + at, mask=real, other=0.0).to(tl.float32)
            tl.store(weight_ptr, (center + sign * shown).to(weights_ptr.dtype.element_ty), mask=real)
            weight_ptr += weights_sj
