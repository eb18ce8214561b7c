"""With what a run was made: versions, the state of the working folder, the command and the places that it named."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

from sasa_nas.sharing import from_home, home_relative, shareable, shareable_command, without_credentials

Told = Annotated[str, AfterValidator(shareable), PlainSerializer(shareable)]
"""A text that may name files of the machine; shortened as it is written, too, for copies of records are not checked."""
Command = Annotated[str, AfterValidator(shareable_command), PlainSerializer(shareable_command)]
"""A command line, for a reader to repeat it."""
Place = Annotated[Path, AfterValidator(from_home), PlainSerializer(home_relative, when_used="json")]
"""The path of a file or folder of the machine that a later session needs; in JSON it begins at `~` if it can."""
StorageUrl = Annotated[str, PlainSerializer(without_credentials, when_used="json")]
"""The URL of a folder; in JSON it is without credentials, which belong in the environment."""

PACKAGES = (
    "sasa-nas",
    "torch",
    "torchvision",
    "triton",
    "ray",
    "optuna",
    "pycocotools",
    "numpy",
    "pydantic",
    "scikit-learn",
)
"""The packages whose versions can change a result."""


def versions() -> dict[str, str]:
    """Return the version of Python and of every package of `PACKAGES` that is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_state() -> str | None:
    """Return the commit of the working folder, `+` at its end where files differ from it; None outside a repository."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return None
    return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
