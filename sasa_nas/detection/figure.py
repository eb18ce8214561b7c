"""Figure of images with detected objects."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sasa_nas.analysis.figure_file import INK, write_figure
from sasa_nas.analysis.labels import shortened
from sasa_nas.detection.records import DetectedImage

_COLUMNS = 3
"""Most images side by side."""
_PANEL = 4.0
"""Width and largest height of an image, in inches."""


def plot_detections(pictures: Sequence[Tensor], found: Sequence[DetectedImage], path: Path) -> None:
    """Draw every image with its objects' boxes, at 150 dpi in a PNG.

    Args:
        pictures: (3, height, width) each, uint8; at least one.
        found: Detections in each image.
        path: A file that ends in .png, .svg or .pdf; written whole or not at all.

    Raises:
        UserError: If the suffix is another, or the file cannot be written.
    """
    write_figure(draw_detections(pictures, found), path)


def draw_detections(pictures: Sequence[Tensor], found: Sequence[DetectedImage]) -> Figure:
    """Return the figure that `plot_detections` writes."""
    columns = min(_COLUMNS, len(pictures))
    rows = ceil(len(pictures) / columns)
    tallest = max(min(1.0, picture.shape[1] / picture.shape[2]) for picture in pictures)
    figure = Figure(figsize=(columns * _PANEL, rows * (tallest * _PANEL + 0.4)), dpi=150, layout="constrained")
    numbers = sorted({thing.category_id for image in found for thing in image.objects})
    colours = {number: mpl.color_sequences["tab10"][i % 10] for i, number in enumerate(numbers)}
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel in panels[len(pictures) :]:
        panel.set_axis_off()
    for panel, picture, image in zip(panels, pictures, found, strict=False):
        panel.imshow(picture.permute(1, 2, 0).numpy())
        panel.set(xticks=[], yticks=[])
        panel.set_title(shortened(Path(image.image).name, 40), fontsize=8, color=INK, parse_math=False)
        # the surest last, on top of the others
        for thing in reversed(image.objects):
            _mark(panel, thing.box, f"{shortened(thing.category)} {thing.score:.2f}", colours[thing.category_id])
    return figure


def _mark(panel: Axes, box: tuple[float, float, float, float], label: str, colour: tuple[float, float, float]) -> None:
    """Draw a box and its label at the upper left, which stays inside the image."""
    left, top, right, bottom = box
    panel.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))
    plate = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
    panel.annotate(
        label,
        (left, top),
        xytext=(1, -1),
        textcoords="offset points",
        va="top",
        fontsize=6,
        color="white",
        bbox=plate,
        parse_math=False,
        clip_on=True,
    )
