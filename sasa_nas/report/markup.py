"""Builders of SVG and HTML elements, which escape all text that is not markup."""

from markupsafe import Markup, escape

from sasa_nas.errors import LONGEST_TEXT

Child = str | Markup | None
Attribute = str | float | int | bool | None

_LONGEST = 100 * LONGEST_TEXT
"""Most characters of a text; a search space as JSON may be long."""
_EMPTY = frozenset({"line", "path", "circle", "rect", "polyline"})


def tag(element: str, *children: Child, **attributes: Attribute) -> Markup:
    """Return one element.

    Args:
        element: Name of the element.
        children: Content of the element; text is escaped, markup is not, None is left out.
        attributes: Attributes by name, with `_` for `-` and a trailing `_` after a Python keyword (`class_`);
            None and False are left out, True is an attribute without a value, numbers are rounded to two decimals.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    inside = Markup("").join(plain_text(child) for child in children if child is not None)
    if not inside and element in _EMPTY:
        return Markup(f"<{element}{written}/>")
    return Markup(f"<{element}{written}>{inside}</{element}>")


def join(children: list[Markup]) -> Markup:
    """Return the concatenation of elements."""
    return Markup("").join(children)


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    shown = name.rstrip("_").replace("_", "-")
    # SVG's names are sensitive to case
    shown = "viewBox" if shown == "viewbox" else shown
    return f" {shown}" if value is True else f' {shown}="{plain_text(number(value))}"'


def plain_text(text: object) -> Markup:
    """Return a text that is safe in a page or an SVG file; markup is returned unchanged.

    Characters that XML does not allow, such as control characters, and those that change the direction of writing are
    replaced by a mark; a text that is too long is cut off.
    """
    if isinstance(text, Markup):
        return text
    shown = str(text)
    cut = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
    return escape("".join(sign if sign.isprintable() or sign in "\n\u00a0" else "\ufffd" for sign in cut))


def number(value: str | float | int) -> str:
    """Return a text unchanged, and a number with up to two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
