"""Count of images that cannot be read, and the limit past which a training ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from sasa_nas.errors import UserError

_NAMED = 5
"""Most images that are named."""


@dataclass(frozen=True)
class CorruptLimit:
    """Limit of images that cannot be read.

    Attributes:
        share: Share of the images read so far, in [0, 1].
        least: Number that is allowed however few have been read.
    """

    share: float = 0.001
    least: int = 10


DEFAULT_LIMIT = CorruptLimit()


class CorruptImages:
    """Tally of a source's images that cannot be read, each counted once however often it is tried.

    Args:
        total: Number of images in the source.
        limit: The limit.
    """

    def __init__(self, total: int, limit: CorruptLimit) -> None:
        self.total, self.limit = total, limit
        self.first: tuple[str, ...] = ()
        """Messages on the first few."""
        self._read = 0
        self._failed: set[int] = set()

    @property
    def count(self) -> int:
        """Number of images that could not be read."""
        return len(self._failed)

    def add(self, read: int, failures: Sequence[tuple[int, str]]) -> None:
        """Add what a worker has read.

        Args:
            read: Number of images that it tried.
            failures: Number of each image that could not be read, and the message.

        Raises:
            UserError: If there are more than the limit.
        """
        self._read += read
        for index, message in failures:
            if index not in self._failed:
                self._failed.add(index)
                if len(self.first) < _NAMED:
                    self.first = (*self.first, message)
        if not failures:
            return
        seen = min(self._read, self.total)
        allowed = max(self.limit.least, int(self.limit.share * seen))
        if self.count > allowed:
            raise UserError(
                f"{self.first[0]} ({self.count - 1:,} more of {seen:,} images cannot be read; allowed are {allowed:,})"
            )
