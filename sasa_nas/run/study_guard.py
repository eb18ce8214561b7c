"""Makes sure of a study.db that anybody may have written: it can neither run away with its reader nor reach elsewhere.

SQLite itself stands hostile files, with the settings that https://sqlite.org/security.html names. Beyond these, a file
that Optuna cannot have written is refused.
"""

import sqlite3
import time
from pathlib import Path

from sasa_nas.files import LARGEST_STUDY, check_file

LONGEST_VALUE = 2**24
"""Bytes of one value. The record of a trial has a few thousand."""

_STEPS = 10_000
"""Steps of SQLite's machine after which the time is looked at."""
_SECONDS, _SECONDS_A_BYTE = 5.0, 1e-6
"""Seconds of processor time that a check and a reading may take. A thousand trials take a tenth of a second."""

_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""End of a journal that names a further file, which SQLite would read, and remove, as it rolls back."""

_FUNCTIONS = frozenset({"count", "max", "min", "coalesce"})
"""All that Optuna calls. A constraint or an index in a hostile file may call others, over and over."""


def check_study(path: Path) -> None:
    """Check the file of a study and the journal beside it before SQLite opens them.

    Args:
        path: The file; it need not exist.

    Raises:
        ValueError: If one of them is no plain file or too large, or the journal names other files.
    """
    journal = path.with_name(f"{path.name}-journal")
    try:
        check_file(path, LARGEST_STUDY)
        check_file(journal, LARGEST_STUDY)
        with journal.open("rb") as file:
            file.seek(max(0, journal.stat().st_size - len(_SUPER_JOURNAL)))
            end = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ValueError(error.strerror) from error
    if end == _SUPER_JOURNAL:
        raise ValueError("its journal names other files, as that of no study does")


def tame(connection: sqlite3.Connection) -> None:
    """Check the database that a connection has opened, and bound what it does from then on.

    The connection's progress handler ends it after a time that is enough for one reading of the file.

    Raises:
        sqlite3.Error: If it is no database.
        ValueError: If its pages are not what they should be, or it holds more than tables and indices: views, triggers
            and virtual tables are code, and Optuna makes none.
    """
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    end = time.thread_time() + _SECONDS + _SECONDS_A_BYTE * pages * size
    connection.set_progress_handler(lambda: time.thread_time() > end, _STEPS)
    # views, triggers and virtual tables have no page of their own
    code = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE type NOT IN ('table', 'index') OR rootpage IS NULL OR rootpage < 1"
    ).fetchone()
    if code is not None:
        raise ValueError(f"it has the {code[0]} '{code[1]}'")
    connection.set_authorizer(_authorize)
    # pages that several rows share, or that lead to themselves, would make a small file endless
    fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise ValueError(fault)


def _authorize(action: int, _: str | None, name: str | None, *__: str | None) -> int:
    foreign = action == sqlite3.SQLITE_FUNCTION and name not in _FUNCTIONS
    return sqlite3.SQLITE_DENY if foreign or action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK
