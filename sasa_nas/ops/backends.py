"""What a person asks for when an operator has several forms: an argument, or a variable of the environment."""

import os
from collections.abc import Sequence

BACKEND_VARIABLE = "SASA_NAS_BACKEND"
"""The environment variable that says what a backend of `auto` means."""


def requested_backend(argument: str, allowed: Sequence[str]) -> str:
    """The backend asked for: the argument, or, where that is `auto`, what the environment says.

    Args:
        argument: The operator's argument.
        allowed: All backends of the operator, `auto` among them.

    Raises:
        ValueError: Either names no backend of the operator.
    """
    for name, asked in (("backend", argument), (BACKEND_VARIABLE, os.environ.get(BACKEND_VARIABLE) or "auto")):
        if asked not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {asked!r}")
    return argument if argument != "auto" else os.environ.get(BACKEND_VARIABLE) or "auto"
