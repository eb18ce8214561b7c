"""Assertions over collections that may turn out empty."""

from collections.abc import Iterable


def every(holds: Iterable[object]) -> bool:
    """Return whether `holds` has at least one element and all its elements are true.

    `all` is true of nothing, so that a test of it passes where nothing was found.

    Args:
        holds: One truth value an element, as for `all`.
    """
    found = [bool(one) for one in holds]
    return bool(found) and all(found)
