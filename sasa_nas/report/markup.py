"""Builds SVG and HTML elements; whatever is not markup already is escaped."""

from markupsafe import Markup, escape

Child = str | Markup | None
Attribute = str | float | int | bool | None

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
    inside = Markup("").join(escape(child) for child in children if child is not None)
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
    return f" {shown}" if value is True else f' {shown}="{escape(number(value))}"'


def number(value: str | float | int) -> str:
    """Text as it is; a number in as few digits as two decimals need."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
