"""Builds SVG and HTML elements; whatever is not markup already is escaped."""

from markupsafe import Markup, escape

from sasa_nas.errors import LONGEST_TEXT

Child = str | Markup | None
Attribute = str | float | int | bool | None

_LONGEST = 100 * LONGEST_TEXT
"""Characters: of a space as JSON there may be many."""
_EMPTY = frozenset({"line", "path", "circle", "rect", "polyline"})


def tag(element: str, *children: Child, **attributes: Attribute) -> Markup:
    """One element.

    Args:
        element: Its name.
        children: What it holds; text is escaped, markup is not, None is left out.
        attributes: Theirs by name, `_` for `-`, with one at the end where Python has the name for itself (`class_`);
            None and False are left out, True is an attribute without a value, numbers are rounded to two decimals.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    inside = Markup("").join(plain_text(child) for child in children if child is not None)
    if not inside and element in _EMPTY:
        return Markup(f"<{element}{written}/>")
    return Markup(f"<{element}{written}>{inside}</{element}>")


def join(children: list[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(children)


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    shown = name.rstrip("_").replace("_", "-")
    # SVG's names are sensitive to case
    shown = "viewBox" if shown == "viewbox" else shown
    return f" {shown}" if value is True else f' {shown}="{plain_text(number(value))}"'


def plain_text(text: object) -> Markup:
    """Return text as a page or an SVG file may hold it; markup stays as it is.

    What XML cannot hold, such as control characters, and what turns the direction of writing has a mark in its place;
    a text that is too long to be meant is cut off.
    """
    if isinstance(text, Markup):
        return text
    shown = str(text)
    cut = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
    return escape("".join(sign if sign.isprintable() or sign in "\n\u00a0" else "\ufffd" for sign in cut))


def number(value: str | float | int) -> str:
    """Text as it is; a number in as few digits as two decimals need."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
