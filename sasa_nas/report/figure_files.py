"""Drawings as files of their own: SVG, and PNG where a package that draws it is installed."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import write_bytes, write_text
from sasa_nas.report.assets import asset
from sasa_nas.report.chart import SIZES
from sasa_nas.report.drawings import Draw

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


def write_figures(drawn: Mapping[str, Draw], folder: Path, *, png: bool) -> list[Path]:
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
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in drawn.items():
            image = _alone(draw(SIZES[0]))
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
    return UserError(f"{place} cannot be written: {error.strerror or one_line(error)}")


def _alone(chart: Markup) -> str:
    """A drawing as a file of its own: with a margin, and the style of light pages, its colours written out."""
    colours = dict(re.findall(r"--([\w-]+): ([^;]+);", asset("report.css").partition("@media")[0]))
    style = re.sub(r"var\(--([\w-]+)\)", lambda match: colours[match[1]], asset("figure.css"))
    background = f"svg {{ background: {colours['card']}; }}\n"
    wide = re.sub(r'viewBox="0 0 (\S+) (\S+)"', _with_margin, chart, count=1)
    return re.sub(r"(<svg[^>]*>)", lambda match: f"{match[1]}<style>{background}{style}</style>", wide, count=1)


def _with_margin(match: re.Match[str]) -> str:
    width, height = (float(side) + 2 * MARGIN for side in match.groups())
    return f'viewBox="{-MARGIN:g} {-MARGIN:g} {width:g} {height:g}"'


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
