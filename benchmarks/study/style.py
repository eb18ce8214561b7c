"""Colours and axes that the study's figures share."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sasa_nas.analysis.figure_file import INK

FAINT = "#e4e4e4"
COLOURS = {
    "local_attention": "#1d4ed8",
    "augmented_conv": "#0f766e",
    "pairwise": "#c2410c",
}
NAMES = {
    "local_attention": "window attention",
    "augmented_conv": "attention-augmented convolution",
    "pairwise": "SAN pairwise attention",
}
TITLES = {
    "groups_64_tiny_imagenet": "Tiny ImageNet, 64 px",
    "hybrid256_32_cifar10": "CIFAR-10, 32 px",
    "hybrid256_digits": "Digits, 8 px",
}
"""A table's data in a few words."""


def new_figure(height: float) -> Figure:
    """Return a figure of 1600 pixels' width, which stays readable at half of that."""
    return Figure(figsize=(8.0, height), dpi=200, layout="constrained")


def clean(axes: Axes) -> None:
    """Leave an axis of each kind and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(labelsize=9, colors=INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
