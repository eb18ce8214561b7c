"""Figures of attention maps: the image with the query marked, and one map per head (as in Bello et al. 2019)."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sasa_nas.analysis.attention_maps import AttentionMap, AttentionView
from sasa_nas.analysis.figure_file import INK, write_figure
from sasa_nas.analysis.labels import shortened

_PANEL = 1.25
"""Side of an image or a map, in inches."""
_GAP = 0.12
"""Horizontal gap between two panels, in inches."""
_CAPTIONS = 0.5
"""Height of the captions above and below a panel, in inches."""
_LABEL = 1.75
"""Width of a row's label, in inches."""
_HEADER = 1.0
"""Height of the figure's header, in inches."""
_MARGIN = 0.12
_LEAST_WIDTH = 7.0
"""Least width of a figure, in inches, so that the header's lines fit."""


def plot_attention(view: AttentionView, path: Path) -> None:
    """Draw one row per attention map, at 150 dpi in a PNG.

    Args:
        view: The maps to draw.
        path: A file that ends in .png, .svg or .pdf; written whole or not at all.

    Raises:
        UserError: If the suffix is another, or the file cannot be written.
    """
    write_figure(draw_attention(view), path)


def draw_attention(view: AttentionView) -> Figure:
    """Return the figure that `plot_attention` writes."""
    maps = view.maps
    panels = 2 + max(len(found.heads) for found in maps)
    width = max(_LEAST_WIDTH, 2 * _MARGIN + _LABEL + panels * (_PANEL + _GAP))
    height = _HEADER + len(maps) * (_PANEL + _CAPTIONS) + _MARGIN
    figure = Figure(figsize=(width, height), dpi=150)

    def write(text: str, top: float, size: float = 8.0, weight: str = "normal") -> None:
        style = {"color": INK, "fontsize": size, "fontweight": weight, "linespacing": 1.4}
        figure.text(_MARGIN / width, 1 - top / height, text, style, va="center", parse_math=False)

    write(f"Where pixels attend in {shortened(view.network)}", 0.22, size=12.0, weight="bold")
    write(f"weights: {shortened(view.weights)}, image: {shortened(view.image, 60)}", 0.45)
    write("box: the query; dashes: where it can attend, which is what the maps show", 0.63)
    write(_colours(maps), 0.81)
    for row, found in enumerate(maps):
        top = _HEADER + row * (_PANEL + _CAPTIONS) + _CAPTIONS / 2
        write(_row_label(found), top + _PANEL / 2)
        head = "group" if found.place.probe.interleaved else "head"
        for panel in range(2 + len(found.heads)):
            left = _MARGIN + _LABEL + panel * (_PANEL + _GAP)
            bottom = height - top - _PANEL
            axes = figure.add_axes((left / width, bottom / height, _PANEL / width, _PANEL / height))
            if panel == 0:
                _draw_picture(axes, view.picture, found)
            elif panel == 1:
                _draw_map(axes, found.mean, found, f"mean of all {head}s")
            else:
                _draw_map(axes, found.weights[panel - 2], found, f"{head} {found.heads[panel - 2]}")
    return figure


def _colours(maps: Sequence[AttentionMap]) -> str:
    parts = []
    if not all(map(_is_signed, maps)):
        parts.append("weights from 0 (dark) to the largest of a map (light), written below it")
    if any(map(_is_signed, maps)):
        parts.append("signed weights, red positive and blue negative")
    return "; ".join(parts)


def _row_label(found: AttentionMap) -> str:
    height, width = found.size
    return (
        f"{found.place.label}\n{found.place.operator.replace('_', ' ')}\n"
        f"map {height} x {width}, cell {found.cell[0]},{found.cell[1]}\npixel {found.pixel[0]},{found.pixel[1]}"
    )


def _is_signed(found: AttentionMap) -> bool:
    return found.place.probe.signed


def _draw_picture(axes: Axes, picture: Tensor, found: AttentionMap) -> None:
    _frame(axes, "image", f"{picture.shape[1]} x {picture.shape[2]}")
    # colours where there are three, brightness where not
    pixels = picture.permute(1, 2, 0) if len(picture) == 3 else picture.mean(0)
    high, broad = picture.shape[1:]
    axes.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(0, broad, high, 0))
    tall, wide = high / found.size[0], broad / found.size[1]
    corner = (found.columns.start * wide, found.rows.start * tall)
    reach = ((found.columns.stop - found.columns.start) * wide, (found.rows.stop - found.rows.start) * tall)
    _mark(axes, corner, reach, line="--")
    _mark(axes, (found.cell[1] * wide, found.cell[0] * tall), (wide, tall))


def _draw_map(axes: Axes, weights: Tensor, found: AttentionMap, name: str) -> None:
    reach = weights[found.rows, found.columns].numpy()
    largest = float(abs(reach).max())
    least, colours, caption = 0.0, "viridis", f"to {largest:.2g}"
    if _is_signed(found):
        least, colours, caption = -largest, "RdBu_r", f"{reach.min():.2g} to {reach.max():.2g}"
    _frame(axes, name, caption)
    extent = (found.columns.start, found.columns.stop, found.rows.stop, found.rows.start)
    axes.imshow(reach, cmap=colours, vmin=least, vmax=largest, interpolation="nearest", extent=extent)
    _mark(axes, (found.cell[1], found.cell[0]), (1.0, 1.0))


def _frame(axes: Axes, name: str, caption: str) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(name, fontsize=8, color=INK, pad=3)
    axes.set_xlabel(caption, fontsize=7, color=INK, labelpad=3)


def _mark(axes: Axes, corner: tuple[float, float], size: tuple[float, float], *, line: str = "-") -> None:
    """Draw a box that is visible on any colour: white, or white dashes, on black."""
    for colour, thickness, style in (("black", 2.0, "-"), ("white", 1.0, line)):
        box = Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=thickness, linestyle=style)
        axes.add_patch(box).set_clip_on(False)
