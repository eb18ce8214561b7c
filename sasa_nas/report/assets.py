"""Style sheet, script and template of the page."""

from functools import cache
from importlib import resources


@cache
def asset(name: str) -> str:
    """Return the text of a file in the folder `page`."""
    return (resources.files("sasa_nas.report") / "page" / name).read_text(encoding="utf-8")
