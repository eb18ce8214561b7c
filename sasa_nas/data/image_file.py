"""Reading of an image file, upright, with eight bits per channel, at a given size."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sasa_nas.errors import UserError, one_line, printable

_MODES = {1: "L", 3: "RGB"}
_LONGEST = 16
"""Largest ratio of an image's sides; a longer one is cropped before resizing, as a strip of 1 x 60,000 pixels would
take gigabytes at 224 x 13,440,000."""
_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""Errors that Pillow raises on damaged files, other than its own `DecompressionBombError`."""


def read_image(path: Path, *, channels: int, height: int, width: int) -> torch.Tensor:
    """Return the image in a file, resized to cover a given size and cropped at the centre.

    It is rotated by its EXIF orientation. Transparent pixels are put on white; sixteen bits per channel become eight;
    of an animation the first frame is taken.

    Args:
        path: A file of any format that Pillow reads.
        channels: 3 for colours, 1 for brightness.
        height: Height in pixels.
        width: Width in pixels.

    Returns:
        (channels, height, width), uint8.

    Raises:
        UserError: If it cannot be read, its pixels have no known range, or `channels` is neither 1 nor 3.
    """
    return torch.from_numpy(read_pixels(path, channels=channels, height=height, width=width))


def read_pixels(path: Path, *, channels: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the result of `read_image` as an array.

    Raises:
        UserError: See `read_image`.
    """
    if channels not in _MODES:
        raise UserError(f"an image file has 1 or 3 channels, not {channels}; take the image from a data set")
    with _opened(path) as image:
        return _array(_covering(_upright(image, _MODES[channels]), height, width))


def read_colours(path: Path, *, least_side: int | None = None) -> torch.Tensor:
    """Return the image in a file like `read_image`, in colours and at its own size.

    Args:
        path: A file of any format that Pillow reads.
        least_side: Shorter side in pixels that is enough: a larger JPEG is decoded at the smallest of a half, a quarter
            and an eighth of its size that has it, which takes a fraction of the time. Default: its own size.

    Returns:
        (3, height, width), uint8, with channels innermost in memory.

    Raises:
        UserError: See `read_image`.
    """
    with _opened(path) as image:
        if least_side is not None:
            image.draft(None, (least_side, least_side))
        return torch.from_numpy(np.array(_upright(image, _MODES[3]))).permute(2, 0, 1)


def read_whole_image(path: Path) -> torch.Tensor:
    """Return the image in a file, in colours and at its own size, without rotation.

    Args:
        path: A file of any format that Pillow reads.

    Returns:
        (3, height, width), uint8.

    Raises:
        UserError: If it cannot be read.
    """
    with _opened(path) as image:
        return torch.from_numpy(_array(image.convert(_MODES[3])))


def image_size(path: Path) -> tuple[int, int]:
    """Return the width and height in pixels in a file's header.

    Raises:
        UserError: If it cannot be read.
    """
    with _opened(path) as image:
        width, height = image.size
    return width, height


def _upright(image: Any, mode: str) -> Any:
    """Return an opened image in `mode`, L or RGB, rotated by its EXIF orientation."""
    from PIL import ImageOps

    kind = image.format
    image.load()
    # a photo whose EXIF data alone are damaged lies as it lies
    with suppress(*_BROKEN):
        ImageOps.exif_transpose(image, in_place=True)
    return _eight_bits(image, kind, mode)


def _eight_bits(image: Any, kind: str | None, mode: str) -> Any:
    """Return an image in `mode`, L or RGB, whatever its own mode.

    Args:
        image: An image of Pillow's.
        kind: Format of the file.
        mode: The requested mode.

    Raises:
        ValueError: If its largest value is unknown.
    """
    from PIL import Image

    if image.mode == "F" or (image.mode == "I" and kind not in ("PNG", "PPM")):
        # Pillow opens 16-bit files of these two kinds in mode I; those of others hold numbers of any range
        raise ValueError(f"its pixels are of mode {image.mode}, 32 bits of no known range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray(((wide + 128) // 257).clip(0, 255).astype(np.uint8)).convert(mode)
    if image.mode in ("La", "PA"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("RGBA", "RGBa", "LA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == mode else image.convert(mode)


def _covering(image: Any, height: int, width: int) -> Any:
    """Return an image resized along its shorter side and cropped at the centre; itself if its size is right."""
    from PIL import Image

    shorter = min(image.size)
    image = _central(image, *(min(side, _LONGEST * shorter) for side in image.size))
    wide, tall = image.size
    # of the shorter side; the longer one's is rounded down
    side = max(height, -(-width * tall // wide)) if tall <= wide else max(width, -(-height * wide // tall))
    size = (int(side * wide / tall), side) if tall <= wide else (side, int(side * tall / wide))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return _central(image, width, height)


def _central(image: Any, width: int, height: int) -> Any:
    if image.size == (width, height):
        return image
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _array(image: Any) -> npt.NDArray[np.uint8]:
    """Return an image's pixels as (channels, height, width)."""
    pixels = np.array(image)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file's image; errors in the `with` block become a `UserError`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            yield image
    except (*_BROKEN, Image.DecompressionBombError) as error:
        # Pillow's own message for a file of no known kind repeats the path
        why = "it is no image of a known kind" if isinstance(error, UnidentifiedImageError) else one_line(error)
        raise UserError(f"cannot read the image '{printable(path)}' ({why}); mend or remove it") from error
