"""Confinement of this process and its children for good: limits of memory and time, folders to write to.

It needs the standard library alone. What the system has no means for is left out: limits are POSIX's, and the rules on
files and connections are those of Linux's Landlock (5.13 or later; TCP since 6.7, signals since 6.12), which a process
may lay on itself. Not covered are reading, modes and times of files, UDP, and sockets that are files.
"""

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

try:
    import resource
except ImportError:
    # Windows has no such limits
    resource = None  # type: ignore[assignment]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_NO_NEW_PRIVS = 38

_WRITE_FILE = 1 << 1
_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
"""Rights to write to, remove and make files and folders: bits of version 1."""
_LATER_WRITES = ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Versions and the rights that they add: moving between folders, truncating, commands to devices."""
_CONNECTIONS = (4, 0b11)
"""Version and rights of TCP: to listen and to connect."""
_SCOPES = (6, 0b11)
"""Version and scopes: abstract sockets and signals of other processes."""


def limit(*, memory: int, seconds: int, file_size: int) -> None:
    """Limit the resources of this process and of each of its children.

    Args:
        memory: Most bytes of its data segment and private mappings on Linux; elsewhere fewer kinds of memory may count.
        seconds: Most seconds of CPU time.
        file_size: Most bytes of a written file.
    """
    if resource is None:
        return
    for name, most in (("DATA", memory), ("CPU", seconds), ("FSIZE", file_size), ("CORE", 0)):
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # some systems know a limit and take no number for it
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def landlock_version() -> int:
    """Return the version of Landlock on this system, 0 if there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def confine(folder: Path) -> bool:
    """Forbid this process and its children to write outside a folder and to use TCP.

    Args:
        folder: The folder that may be written to.

    Returns:
        True if confined; False, with nothing changed, if the system cannot (only Linux can).

    Raises:
        OSError: If the system supports it but the call fails.
    """
    version = landlock_version()
    if version == 0:
        return False
    libc = _libc()
    writes = _WRITES | sum(bit for since, bit in _LATER_WRITES if version >= since)
    attributes = struct.pack("=QQQ", writes, *(bits * (version >= since) for since, bits in (_CONNECTIONS, _SCOPES)))
    # older versions take a shorter structure
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _checked(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    try:
        for path, rights in ((folder, writes), (Path(os.devnull), _WRITE_FILE)):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = struct.pack("=Qi", rights, place)
                _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
            finally:
                os.close(place)
        _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
