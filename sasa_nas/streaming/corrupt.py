"""Count of images that cannot be read, and the limit past which a training ends."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CorruptLimit:
    """Limit of images that cannot be read.

    Attributes:
        share: Share of the images read so far, in [0, 1].
        least: Number that is allowed however few have been read.
    """

    share: float = 0.001
    least: int = 10


class CorruptImages:
    """Tally of a source's images that cannot be read.

    Args:
        total: Number of images in the source.
        limit: The limit.
    """

    def __init__(self, total: int, limit: CorruptLimit) -> None:
        self.total, self.limit = total, limit
        self.count = 0
        """Number of different images that could not be read."""
        self.first: tuple[str, ...] = ()
        """Messages on the first few."""

    def add(self, read: int, failures: Sequence[tuple[int, str]]) -> None:
        """Add what a worker has read.

        Args:
            read: Number of images that it tried.
            failures: Number of each image that could not be read, and the message.

        Raises:
            UserError: If there are more than the limit.
        """
        raise NotImplementedError
