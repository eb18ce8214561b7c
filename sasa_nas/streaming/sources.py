"""Sources of images by number: files on the disk, and tensors in memory."""

from typing import Protocol

from torch import Tensor


class ImageSource(Protocol):
    """Images by number, readable in any process.

    Attributes:
        labels: (N,), int64: index of each image's class.
        side: Side in pixels of the data set's images, for recipes that name none.
    """

    labels: Tensor
    side: int

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def read(self, index: int, least_side: int | None = None) -> Tensor:
        """Return an image at its own size, (C, H, W), uint8; channels may be innermost in memory.

        Args:
            index: Number of the image.
            least_side: Shorter side in pixels that is enough. An image that is twice as large or more may come in a
                half, a quarter or an eighth of its size, if that is faster. Default: its own size.

        Raises:
            UserError: If it cannot be read.
        """
        ...
