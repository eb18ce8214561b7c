"""Sizes of train and test images."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sasa_nas.nodes import Int, Misfit, Node, Positive
from sasa_nas.recipes.fields import NonNegative, PositiveFloat

Side = Annotated[Int, Field(ge=1, le=4096)]


class Progression(Node):
    """Train images that grow over epochs, linearly, as in FFCV's recipes."""

    start: Side
    """Side before and at `from_epoch`."""
    from_epoch: NonNegative
    to_epoch: PositiveFloat
    """Epoch from which images have the full side."""
    multiple: Positive = 32
    """Sides are rounded to multiples of it."""


class ImageSizes(Node):
    """Sides in pixels of square train and validation images; data of another own size are cropped to them."""

    train: Side | None = None
    """Default: the side of the data set's images."""
    progression: Progression | None = None
    test: Side | None = None
    """Default: the side of train images."""
    crop: Annotated[PositiveFloat, Field(le=1.0)] = 1.0
    """Side of the centre crop of a test image as a share of its resized shorter side: 0.875 is the usual one of
    ImageNet; images that have the side already are left as they are at 1."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """Filter of the resizing of test images; that of train images is the crop's."""

    def train_side(self, epoch: int, own: int) -> int:
        """Return the side of train images in an epoch, in pixels.

        Args:
            epoch: Number of the epoch, from 0.
            own: Side of the data set's images, in pixels.
        """
        full = self.train or own
        growth = self.progression
        if growth is None or epoch >= growth.to_epoch:
            return full
        if epoch <= growth.from_epoch:
            return growth.start
        share = (epoch - growth.from_epoch) / (growth.to_epoch - growth.from_epoch)
        return round((growth.start + share * (full - growth.start)) / growth.multiple) * growth.multiple

    def test_side(self, own: int) -> int:
        """Return the side of validation and test images, in pixels.

        Args:
            own: Side of the data set's images, in pixels.
        """
        return self.test or self.train or own

    @model_validator(mode="after")
    def _ordered(self) -> "ImageSizes":
        growth = self.progression
        if growth is not None and growth.to_epoch <= growth.from_epoch:
            raise Misfit("progression.to_epoch", f"must be later than from_epoch={growth.from_epoch}")
        return self
