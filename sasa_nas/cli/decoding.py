"""Progress of the decoding of images: a bar on a terminal, two lines in a log."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

WIDTH = 30
"""Width of a bar, in characters."""
SILENT = 1.0
"""Seconds of decoding before a line is printed."""


def decoding_bar(done: int, images: int) -> Table:
    """Return a bar with the number of decoded images."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=images, completed=done, width=WIDTH), f"decoding images, {done:,} of {images:,}")
    return bar


class DecodingLog:
    """A log with a line when decoding takes longer than `SILENT`, and one when it is done.

    Args:
        console: Console of the lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: float | None = None
        self._told = False

    def decoding(self, done: int, images: int) -> None:
        """Update the number of decoded images."""
        if self._begun is None:
            self._begun = time.monotonic()
        seconds = time.monotonic() - self._begun
        if not self._told and done < images and seconds > SILENT:
            self._told = True
            self._console.print(f"decoding {images:,} images, once for all searches", soft_wrap=True)
        if self._told and done == images:
            self._console.print(f"decoded, {seconds:.0f} s", soft_wrap=True)
