"""The page's own style, script and template."""

from functools import cache
from importlib import resources


@cache
def asset(name: str) -> str:
    """A file of the folder `page`."""
    return (resources.files("sasa_nas.report") / "page" / name).read_text(encoding="utf-8")
