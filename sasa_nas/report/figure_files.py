"""Drawings as files of their own: SVG, and PNG where a package that draws it is installed."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import make_directory, write_bytes, write_text
from sasa_nas.report.assets import asset
from sasa_nas.report.chart import SIZES
from sasa_nas.report.drawings import Drawing
from sasa_nas.report.operator_colours import colour_rules, colour_variables

MARGIN = 12.0
"""Pixels of paper around a drawing in a file."""
ZOOM = 2.0
"""Pixels of a PNG file for one of a drawing."""


def require_png(figures: Path | None) -> None:
    """Raises where no PNG files can be written.

    Args:
        figures: The folder for them.

    Raises:
        UserError: If there is none, or the package is missing.
    """
    if figures is None:
        raise UserError("--png writes the drawings of --figures DIR; give that too")
    if importlib.util.find_spec("resvg_py") is None:
        raise UserError("--png needs the package resvg-py: pip install 'sasa-nas[png]'")


def write_figures(drawn: Mapping[str, Drawing], folder: Path, *, png: bool) -> list[Path]:
    """Writes each drawing, as it is on a wide and light page, and returns the files.

    Args:
        drawn: By name.
        folder: Made where there is none.
        png: Whether as PNG too, `ZOOM` times as large.

    Raises:
        UserError: If a file cannot be written.
    """
    written: list[Path] = []
    place = folder
    try:
        make_directory(folder)
        for name, drawing in drawn.items():
            image = _alone(drawing)
            place = folder / f"{name}.svg"
            write_text(place, image)
            written.append(place)
            if png:
                place = folder / f"{name}.png"
                write_bytes(place, _rendered(image))
                written.append(place)
    except OSError as error:
        raise unwritable(place, error) from error
    return written


def unwritable(place: Path, error: OSError) -> UserError:
    """That a file cannot be written, and why."""
    reason = error.strerror or one_line(error)
    return UserError(f"{place} cannot be written: {reason}; choose another place, or make this one writable")


def _alone(drawing: Drawing) -> str:
    """A drawing as a file of its own: its keys below, a margin around, the colours of light pages written out."""
    chart = drawing.draw(SIZES[0])
    width, height = (float(side) for side in re.findall(r'viewBox="0 0 (\S+) (\S+)"', chart)[0])
    below = Markup("")
    for key in drawing.keys:
        lines, height = key.as_lines(height, width)
        below += lines
    box = f'viewBox="{-MARGIN:g} {-MARGIN:g} {width + 2 * MARGIN:g} {height + 2 * MARGIN:g}"'
    opening, _, body = chart.removesuffix("</svg>").partition(">")
    head = re.sub(r'viewBox="[^"]*"', box, opening)
    colours = dict(re.findall(r"--([\w-]+): ([^;]+);", asset("report.css").partition("@media")[0]))
    colours |= colour_variables(dark=False)
    style = re.sub(r"var\(--([\w-]+)\)", lambda match: colours[match[1]], asset("figure.css") + colour_rules())
    return f"{head}><style>svg {{ background: {colours['card']}; }}\n{style}</style>{body}{below}</svg>"


def _rendered(image: str) -> bytes:
    """An SVG file as PNG, in the letters that come with Matplotlib, so that it looks alike on every machine."""
    # half a second to import
    import resvg_py

    from sasa_nas.analysis.figure_file import FONTS

    return resvg_py.svg_to_bytes(
        svg_string=image,
        background="#ffffff",
        zoom=ZOOM,
        skip_system_fonts=True,
        font_dirs=[str(FONTS)],
        sans_serif_family="DejaVu Sans",
        monospace_family="DejaVu Sans Mono",
    )
