"""Style of operators: the colours that they are registered with."""

from sasa_nas.operators import OPERATORS

_DARK_INK, _LIGHT_INK = "#14161a", "#ffffff"
_OTHER = ("#8a8f99", "#767c88")
"""Colours of unregistered kinds, on a light and on a dark background."""


def operator_class(kind: str) -> str:
    """Return the CSS class of a kind of operator, one for all kinds that are not registered."""
    return f"op-{kind}" if kind in OPERATORS else "op-other"


def colour_variables(*, dark: bool) -> dict[str, str]:
    """Return the colours of operators and of text on them, by the names of CSS variables.

    Args:
        dark: Whether the page's background is dark.
    """
    colours = {f"op-{entry.kind}": entry.colour for entry in OPERATORS} | {"op-other": _OTHER}
    found = {name: pair[dark] for name, pair in colours.items()}
    return found | {f"{name}-on": _ink_on(colour) for name, colour in found.items()}


def colour_rules() -> str:
    """Return the CSS rules of all operators' classes, which use the variables of the same names."""
    rules = []
    for name in (*(f"op-{entry.kind}" for entry in OPERATORS), "op-other"):
        colour, ink = f"var(--{name})", f"var(--{name}-on)"
        rules += [
            f".fill.{name} {{ fill: {colour}; }} .bar.{name} {{ stroke: {colour}; }}",
            f".chart .{name}-on {{ fill: {ink}; }} .mini.{name} {{ background: {colour}; color: {ink}; }}",
        ]
    return "\n".join(rules) + "\n"


def colour_style() -> str:
    """Return variables and rules for pages that follow the reader's preference of light or dark."""
    light, dark = (
        " ".join(f"--{name}: {colour};" for name, colour in colour_variables(dark=dark).items())
        for dark in (False, True)
    )
    scheme = f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    return scheme + colour_rules()


def _ink_on(colour: str) -> str:
    """Return the text colour, dark or light, with the higher contrast on a colour (WCAG 2.1, relative luminance)."""
    luminance = _luminance(colour)
    light = 1.05 / (luminance + 0.05)
    dark = (luminance + 0.05) / (_luminance(_DARK_INK) + 0.05)
    return _LIGHT_INK if light > dark else _DARK_INK


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
