"""With what a run was made: versions and the state of the working folder."""

import platform
import subprocess
from importlib import metadata

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
    """The version of Python and of every package of `PACKAGES` that is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_state() -> str | None:
    """The commit of the working folder, `+` at its end where files differ from it; None outside a repository."""
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
