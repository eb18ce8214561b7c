"""Reads one image from a file."""

from pathlib import Path

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
    from PIL import Image
    from torchvision.transforms import functional

    if channels not in _MODES:
        raise UserError(f"an image file has 1 or 3 channels, not {channels}; take the image from a data set")
    try:
        with Image.open(path) as image:
            wide, tall = image.size
            # of the shorter side; the longer one's is rounded down
            side = max(height, -(-width * tall // wide)) if tall <= wide else max(width, -(-height * wide // tall))
            small = functional.resize(image.convert(_MODES[channels]), [side], antialias=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read the image '{path}' ({one_line(error)}); mend or remove it") from error
    pixels: torch.Tensor = functional.pil_to_tensor(functional.center_crop(small, [height, width]))
    return pixels
