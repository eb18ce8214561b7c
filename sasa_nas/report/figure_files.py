"""Drawings as separate files: SVG, and PNG if a package that renders it is installed."""

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
"""Margin around a drawing in a file, in pixels."""
ZOOM = 2.0
"""Pixels of a PNG file per pixel of a drawing."""


def require_png(figures: Path | None) -> None:
    """Raise an error if PNG files cannot be written.

    Args:
        figures: The folder of figures.

    Raises:
        UserError: If `figures` is None, or the package is missing.
    """
    if figures is None:
        raise UserError("--png writes the drawings of --figures DIR; give that too")
    if importlib.util.find_spec("resvg_py") is None:
        raise UserError("--png needs the package resvg-py: pip install 'sasa-nas[png]'")


def write_figures(drawn: Mapping[str, Drawing], folder: Path, *, png: bool) -> list[Path]:
    """Write each drawing, as it is on a wide and light page, and return the files.

    Args:
        drawn: Drawings by name.
        folder: Folder of the files; made if it does not exist.
        png: Whether to write PNG files, too, `ZOOM` times as large.

    Raises:
        UserError: If a file cannot be written.
    """
    written: list[Path] = []
    place = folder
    try:
        make_directory(folder)
        for name, drawing in drawn.items():
            image = _stand_alone(drawing)
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
    """Return the error that a file cannot be written, with its cause."""
    reason = error.strerror or one_line(error)
    return UserError(f"{place} cannot be written: {reason}; choose another place, or make this one writable")


def _stand_alone(drawing: Drawing) -> str:
    """Return a drawing as a stand-alone SVG: with its keys, a margin, and the colours of light pages."""
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
    """Return an SVG file rendered as PNG, with Matplotlib's fonts, so that it looks alike on every machine."""
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
