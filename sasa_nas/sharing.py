"""Keeps the person and the machine that made a file out of it.

A run, a report and an export travel. The paths in them begin at `~` where they lie in the home folder, which a resume
on the same machine undoes, and URLs are without user and password.
"""

import re
import sys
from pathlib import Path

_CREDENTIALS = re.compile(r"(?<=://)[^\s/@'\"]*:[^\s/@'\"]*@")
"""A user and a password, or a key and its secret, before the host of a URL."""
_PACKAGE = Path(__file__).resolve().parent


def without_credentials(text: str) -> str:
    """Return a text in which no URL holds a user with a password."""
    return _CREDENTIALS.sub("", text)


def shareable(text: str) -> str:
    """Return a text without the home folder's path and without passwords."""
    return _replace(without_credentials(text), dict.fromkeys(_homes(), "~"))


def shareable_command(line: str) -> str:
    """Return a command line in the same way; a shell still reads the paths in it."""
    for home in _homes():
        # in quotes the sign would stand for itself
        line = re.sub(rf"(?<![^\s=])'{re.escape(home)}/", "~/'", line)
    return shareable(line)


def shareable_traceback(text: str) -> str:
    """Return a traceback in the same way, without the places of the package and of Python either."""
    places = {
        str(_PACKAGE): _PACKAGE.name,
        sys.prefix: "<python>",
        sys.base_prefix: "<python>",
        sys.exec_prefix: "<python>",
    }
    return shareable(_replace(text, places))


def home_relative(path: Path) -> str:
    """Return a path as it is recorded: from `~` on where it lies in the home folder."""
    return shareable(str(path))


def from_home(path: Path) -> Path:
    """Return a recorded path as it is here: one that begins at `~` lies in the home folder."""
    if path.parts[:1] != ("~",):
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # this user has no home
        return path


def _homes() -> list[str]:
    """Return the home folder as it is called and as it is, the longer first."""
    try:
        home = Path.home()
        places = {str(home), str(home.resolve())}
    except (OSError, RuntimeError):
        return []
    return sorted((place for place in places if len(Path(place).parts) > 1), key=len, reverse=True)


def _replace(text: str, places: dict[str, str]) -> str:
    """Replace whole paths, or their beginnings."""
    for place in sorted(places, key=len, reverse=True):
        text = re.sub(rf"{re.escape(place)}(?![\w.-])", places[place], text)
    return text
