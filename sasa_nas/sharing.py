"""Removal of personal data from files that are shared.

Runs, reports and exports are shared. Paths of the home folder in them begin at `~`, which is expanded when a run is
resumed, and URLs are without user and password.
"""

import re
import sys
from functools import cache
from pathlib import Path

_CREDENTIALS = re.compile(r"(?<=://)[^\s/@'\"]*:[^\s/@'\"]*@")
"""Pattern of a user and a password, or a key and its secret, before the host of a URL."""
_PACKAGE = Path(__file__).resolve().parent


def without_credentials(text: str) -> str:
    """Return a text without the users and passwords in URLs."""
    return _CREDENTIALS.sub("", text)


def shareable(text: str) -> str:
    """Return a text without the home folder's path and without passwords."""
    return _replace(without_credentials(text), dict.fromkeys(_homes(), "~"))


def shareable_command(line: str) -> str:
    """Return a command line without the home folder's path and passwords, which a shell can still run."""
    for home in _homes():
        # in quotes the sign would stand for itself
        line = re.sub(rf"(?<![^\s=])'{re.escape(home)}/", "~/'", line)
    return shareable(line)


def shareable_traceback(text: str) -> str:
    """Return a traceback without the paths of the home folder, the package and Python, and without passwords."""
    places = {
        str(_PACKAGE): _PACKAGE.name,
        sys.prefix: "<python>",
        sys.base_prefix: "<python>",
        sys.exec_prefix: "<python>",
    }
    return shareable(_replace(text, places))


def home_relative(path: Path) -> str:
    """Return a path for a record: from `~` on if it is in the home folder."""
    return shareable(str(path))


def from_home(path: Path) -> Path:
    """Return the path of a recorded one, with `~` expanded to the home folder."""
    if path.parts[:1] != ("~",):
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # this user has no home
        return path


def _homes() -> tuple[str, ...]:
    """Return the home folder's path and its resolved path, the longer first."""
    try:
        return _spellings(Path.home())
    except (OSError, RuntimeError):
        return ()


# thousands of texts are checked when a run is read, and links on the way to a home do not change meanwhile
@cache
def _spellings(folder: Path) -> tuple[str, ...]:
    """Return a folder's path and its resolved path, the longer first; none of the root.

    Raises:
        OSError: If links on the way form a loop.
    """
    places = {str(folder), str(folder.resolve())}
    return tuple(sorted((place for place in places if len(Path(place).parts) > 1), key=len, reverse=True))


def _replace(text: str, places: dict[str, str]) -> str:
    """Replace whole paths or their prefixes in a text."""
    for place in sorted(places, key=len, reverse=True):
        text = re.sub(rf"{re.escape(place)}(?![\w.-])", places[place], text)
    return text
