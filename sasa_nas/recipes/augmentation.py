"""Augmentation of single images, by the loader's workers, and of batches, on the device."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from sasa_nas.nodes import Bool, Int, Node, Positive
from sasa_nas.recipes.fields import NonNegative, PositiveFloat, Probability

Interpolation = Literal["bilinear", "bicubic", "random"]
"""Filter of resizing; `random` chooses one of the two for each image."""


class RandomResizedCrop(Node):
    """Random part of the image, resized (Szegedy et al., 2015, arXiv 1409.4842: the Inception crop)."""

    kind: Literal["random_resized"] = "random_resized"
    scale: tuple[Probability, Probability] = (0.08, 1.0)
    """Smallest and largest share of the image's area."""
    ratio: tuple[PositiveFloat, PositiveFloat] = (0.75, 1.3333333333333333)
    """Smallest and largest width over height."""
    interpolation: Interpolation = "bilinear"


def _pixels_or_share(value: Any) -> Any:
    pixels = type(value) is int and 0 <= value <= MOST_PIXELS
    if not pixels and not (type(value) is float and 0.0 < value < 1.0):
        raise ValueError(f"should be 0 to {MOST_PIXELS} pixels, or a share of the side between 0 and 1")
    return value


MOST_PIXELS = 256
Padding = Annotated[
    int | float,
    BeforeValidator(_pixels_or_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MOST_PIXELS},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ]
        }
    ),
]


class ShiftCrop(Node):
    """Image padded with zeros on each side and cropped at random to its size: the crop of CIFAR."""

    kind: Literal["shift"] = "shift"
    padding: Padding = 4
    """Largest shift: whole pixels, or a share of the image's side, which is rounded to pixels."""

    def pixels(self, side: int) -> int:
        """Return the largest shift of an image.

        Args:
            side: Side of the image in pixels.
        """
        return self.padding if isinstance(self.padding, int) else round(self.padding * side)


Crop: TypeAlias = Annotated[RandomResizedCrop | ShiftCrop, Field(discriminator="kind")]


class RandAugment(Node):
    """RandAugment (Cubuk et al., 2020, arXiv 1909.13719) with timm's variants."""

    layers: Positive = 2
    """Number of operations that are chosen for each image."""
    probability: Probability = 0.5
    """Probability that a chosen operation is done: 0.5 in timm, 1 in the paper."""
    magnitude: NonNegative = 9.0
    """Strength, of 10."""
    magnitude_std: NonNegative = 0.0
    """Standard deviation of each operation's strength."""
    increasing: Bool = False
    """Effects of all operations that grow with the strength, if true, as in timm's `inc1`."""


class Erasing(Node):
    """Random erasing (Zhong et al., 2020, arXiv 1708.04896) of a rectangle, filled with noise."""

    probability: Probability = 0.25
    area: tuple[Probability, Probability] = (0.02, 0.3333333333333333)


class MixUp(Node):
    """Mixup (Zhang et al., 2018, arXiv 1710.09412)."""

    alpha: PositiveFloat
    """Both parameters of the beta distribution of an image's share."""


class CutMix(Node):
    """CutMix (Yun et al., 2019, arXiv 1905.04899)."""

    alpha: PositiveFloat
    """Both parameters of the beta distribution of the kept area."""


class Mixing(Node):
    """Mixing of a batch with itself in reverse order; one of the two methods for each batch."""

    mixup: MixUp | None = None
    cutmix: CutMix | None = None
    probability: Probability = 1.0
    """Probability that a batch is mixed at all."""
    cutmix_share: Probability = 0.5
    """Probability of CutMix where both methods are given."""


class Augmentation(Node):
    """All changes of train images."""

    crop: Crop = RandomResizedCrop()
    flip: Probability = 0.5
    """Probability of a horizontal flip; data whose labels it would change are never flipped."""
    color_jitter: NonNegative = 0.0
    """Largest relative change of brightness, contrast and saturation."""
    rand_augment: RandAugment | None = None
    erasing: Erasing | None = None
    mixing: Mixing | None = None
    repeats: Annotated[Int, Field(ge=1, le=16)] = 1
    """Versions of each image in an epoch, which then holds fewer different ones (Hoffer et al., 2020, and Berman et
    al., 2019, arXiv 1902.05509: repeated augmentation)."""
