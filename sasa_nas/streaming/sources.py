"""Sources of images by number: files on the disk, and tensors in memory."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from sasa_nas.data.image_file import read_colours
from sasa_nas.data.image_listing import Example
from sasa_nas.errors import UserError


class ImageSource(Protocol):
    """Images by number, readable in any process.

    Attributes:
        labels: (N,), int64: index of each image's class.
        side: Side in pixels of the data set's images, for recipes that name none.
        pixel_max: Value of white; black is 0.
    """

    labels: Tensor
    side: int
    pixel_max: float

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


class FileSource:
    """Images in files, decoded when they are read.

    Names are kept as bytes in a tensor, which worker processes share: a million strings would be copied by each.

    Args:
        examples: Files and their classes.
        side: Side in pixels for recipes that name none.
    """

    def __init__(self, examples: Sequence[Example], *, side: int) -> None:
        names = [os.fsencode(file) for file, _ in examples]
        self.labels = torch.tensor([label for _, label in examples], dtype=torch.int64)
        self.side = side
        self.pixel_max = 255.0
        # of folders, which are few
        folders = {name.rpartition(b"/")[0] for name in names}
        self._root = os.path.commonpath(folders).rstrip(b"/") + b"/" if folders else b""
        ends = torch.tensor([0, *(len(name) - len(self._root) for name in names)], dtype=torch.int64)
        self._ends = ends.cumsum(0)
        joined = bytearray(b"".join(name[len(self._root) :] for name in names))
        self._names = torch.frombuffer(joined, dtype=torch.uint8) if joined else torch.empty(0, dtype=torch.uint8)

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> Path:
        """Return the file of an image."""
        begin, end = self._ends[index : index + 2].tolist()
        return Path(os.fsdecode(self._root + self._names[begin:end].numpy().tobytes()))

    def read(self, index: int, least_side: int | None = None) -> Tensor:
        """Decode an image; see `ImageSource.read`."""
        return read_colours(self.path(index), least_side=least_side)


class MemorySource:
    """Images of one size in memory, which worker processes share.

    Args:
        images: (N, C, H, W), uint8.
        labels: (N,), int64: index of each image's class.
        pixel_max: Value of white.

    Raises:
        UserError: If the images are not bytes.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, pixel_max: float = 255.0) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4 or labels.shape != images.shape[:1]:
            raise UserError(
                f"images of shape {tuple(images.shape)} and type {images.dtype} cannot be streamed; bytes (N, C, H, W) "
                "with N labels can"
            )
        self.images, self.labels, self.pixel_max = images, labels, pixel_max
        self.side = min(images.shape[-2:])

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: int, least_side: int | None = None) -> Tensor:
        """Return an image; see `ImageSource.read`."""
        return self.images[index]
