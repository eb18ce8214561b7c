"""Common parts of charts: sizes, scales, axes, and the `svg` element."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sasa_nas.report.markup import join, tag


@dataclass(frozen=True)
class Size:
    """Width of a chart in pixels, for text of 12 pixels: `wide` for a page, `narrow` for a phone."""

    name: str
    width: float

    @property
    def narrow(self) -> bool:
        """True for the size of a phone."""
        return self.name == "narrow"


SIZES = (Size("wide", 920.0), Size("narrow", 350.0))


@dataclass(frozen=True)
class Frame:
    """The area of a chart inside its axes, in pixels from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from numbers to pixels.

    Attributes:
        low: The number at `start`; below `high`, and positive for a logarithm.
        high: The number at `end`.
        start: Coordinate of `low` in pixels.
        end: Coordinate of `high` in pixels.
        log: Whether the axis is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def figure(content: Sequence[Markup], size: Size, height: float, label: str, *, interactive: bool = False) -> Markup:
    """Return the `svg` element around a chart.

    Args:
        content: The chart's elements.
        size: Size of the chart.
        height: Height in pixels.
        label: Description of the chart for screen readers.
        interactive: Whether elements of the chart can have the keyboard's focus.
    """
    return tag(
        "svg",
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewbox=f"0 0 {size.width:g} {height:g}",
        class_=f"chart {size.name}",
        role="group" if interactive else "img",
        aria_label=label,
    )


def x_axis(frame: Frame, scale: Scale, ticks: Sequence[float], show: Callable[[float], str], title: str) -> Markup:
    """Return the horizontal axis: its line, the ticks with their numbers, and its title."""
    parts = [tag("line", class_="axis", x1=frame.left, x2=frame.right, y1=frame.bottom, y2=frame.bottom)]
    for tick in ticks:
        x = scale(tick)
        parts.append(tag("line", class_="axis", x1=x, x2=x, y1=frame.bottom, y2=frame.bottom + 4))
        parts.append(text(show(tick), x, frame.bottom + 17, "tick middle"))
    parts.append(text(title, (frame.left + frame.right) / 2, frame.bottom + 36, "title middle"))
    return tag("g", *parts, aria_hidden="true")


def y_axis(frame: Frame, scale: Scale, ticks: Sequence[float], show: Callable[[float], str], title: str) -> Markup:
    """Return the vertical axis: grid lines with their numbers on the left, and its title above."""
    parts: list[Markup] = []
    for tick in ticks:
        y = scale(tick)
        parts.append(tag("line", class_="grid", x1=frame.left, x2=frame.right, y1=y, y2=y))
        parts.append(text(show(tick), frame.left - 7, y + 4, "tick end"))
    parts.append(text(title, 0, frame.top - 14, "title"))
    return tag("g", *parts, aria_hidden="true")


def text(content: str, x: float, y: float, classes: str) -> Markup:
    """Return a line of text; its baseline is at `y`."""
    return tag("text", content, x=x, y=y, class_=classes)


def path(points: Sequence[tuple[float, float]]) -> str:
    """Return the path data (`d`) of a line through `points`."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def stairs(points: Sequence[tuple[float, float]]) -> str:
    """Return the path data (`d`) of a step line that keeps each point's height until the next point."""
    (x, y), *others = points
    return f"M{x:.1f} {y:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in others)


def percent(share: float) -> str:
    """Return a share in per cent, as an axis shows it."""
    return f"{100 * share:.4g}%"


def both(draw: Callable[[Size], Markup]) -> Markup:
    """Return a chart at both sizes; the style sheet shows the one that fits."""
    return join([draw(size) for size in SIZES])
