"""Request for one of an operator's several forms: an argument, or a variable of the environment."""

import os
from collections.abc import Sequence

BACKEND_VARIABLE = "SASA_NAS_BACKEND"
"""The environment variable that says what a backend of `auto` means."""

BACKENDS = ("auto", "naive", "dense", "slices", "fused", "blocks", "cpu", "triton")
"""Values of the variable; an operator that has no backend of that name chooses for itself."""


def requested_backend(argument: str, allowed: Sequence[str]) -> str:
    """Return the backend asked for: the argument, or, where that is `auto`, what the environment says.

    Args:
        argument: The operator's argument.
        allowed: All backends of the operator, `auto` among them.

    Raises:
        ValueError: The argument names no backend of the operator, or the environment none of any operator.
    """
    wanted = os.environ.get(BACKEND_VARIABLE) or "auto"
    for name, asked, known in (("backend", argument, allowed), (BACKEND_VARIABLE, wanted, BACKENDS)):
        if asked not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {asked!r}")
    if argument != "auto":
        return argument
    return wanted if wanted in allowed else "auto"
