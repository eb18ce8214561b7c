"""Figure files, with the format given by the suffix and written atomically."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import write_atomically

FORMATS = ("png", "svg", "pdf")
"""Formats of a figure, by the suffix of its file."""

FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
"""The folder of the fonts that come with Matplotlib."""

INK = "#333333"
"""Colour of text and axes."""


def figure_format(path: Path) -> str:
    """Return one of `FORMATS`.

    Raises:
        UserError: If the file's suffix is another.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise UserError(f"{path}: a figure's file must end in .png, .svg or .pdf")
    return suffix


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure.

    Raises:
        UserError: If the file's suffix is none of `FORMATS`, or it cannot be written.
    """
    suffix = figure_format(path)
    try:
        write_atomically(path, lambda temporary: figure.savefig(temporary, format=suffix))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or one_line(error)}") from error
