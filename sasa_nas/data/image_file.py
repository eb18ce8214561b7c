"""Reads one image from a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sasa_nas.errors import UserError, one_line

_MODES = {1: "L", 3: "RGB"}


def read_image(path: Path, *, channels: int, height: int, width: int) -> torch.Tensor:
    """The image in a file, as small as it can be while it covers the size that is asked for, cut out at the centre.

    Args:
        path: Of any format that Pillow reads.
        channels: 3 for colours, 1 for brightness.
        height: In pixels.
        width: In pixels.

    Returns:
        (channels, height, width), uint8.

    Raises:
        UserError: If it cannot be read, or has other numbers of channels than 1 or 3.
    """
    # Takes seconds to import, and only image files need it.
    from torchvision.transforms import functional

    if channels not in _MODES:
        raise UserError(f"an image file has 1 or 3 channels, not {channels}; take the image from a data set")
    with _opened(path) as image:
        wide, tall = image.size
        # of the shorter side; the longer one's is rounded down
        side = max(height, -(-width * tall // wide)) if tall <= wide else max(width, -(-height * wide // tall))
        small = functional.resize(image.convert(_MODES[channels]), [side], antialias=True)
    pixels: torch.Tensor = functional.pil_to_tensor(functional.center_crop(small, [height, width]))
    return pixels


def read_whole_image(path: Path) -> torch.Tensor:
    """The image in a file, in colours and at its own size, as its pixels lie there.

    Args:
        path: Of any format that Pillow reads.

    Returns:
        (3, height, width), uint8.

    Raises:
        UserError: If it cannot be read.
    """
    from torchvision.transforms import functional

    with _opened(path) as image:
        pixels: torch.Tensor = functional.pil_to_tensor(image.convert(_MODES[3]))
    return pixels


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A file's image; what goes wrong with it in the `with` block becomes a `UserError`."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read the image '{path}' ({one_line(error)}); mend or remove it") from error
