"""Names of a package that are imported when they are first used (PEP 562)."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`, so that its import takes no time.

    Args:
        package: Name of the package.
        modules: Public names by their module, relative to the package.

    Examples:
        >>> get, names = lazy_names("importlib", {"resources": ("files",), "util": ("find_spec",)})
        >>> names()
        ['files', 'find_spec']
        >>> get("find_spec").__name__
        'find_spec'
    """
    places = {name: f"{package}.{module}" for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(places[name]), name)

    return get, lambda: sorted(places)
