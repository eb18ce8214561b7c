"""Compiles a C file with the system's compiler and loads it; the result is kept in the user's cache folder."""

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from sasa_nas.files import is_own_file, private_cache

SHARED = Path(__file__).parent
"""The folder of the headers that all C files may include."""

# NaN, infinities and the order of sums are kept, unlike with -ffast-math: the same inputs give the same bits
_FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-pthread", "-fno-math-errno", "-fno-trapping-math")
# as the compiler of a processor calls it; none where neither is known
_OWN_PROCESSOR = (("-march=native",), ("-mcpu=native",), ())
_SECONDS = 120


class CannotCompileError(Exception):
    """There is no way to compile here; one line that says why."""


@cache
def load_library(source: Path) -> ctypes.CDLL:
    """Return the functions of a C file, compiled for this machine's processor.

    Compiling takes a second or two. The library is then kept in `$XDG_CACHE_HOME/sasa-nas`, by default
    `~/.cache/sasa-nas`, under a name made from the sources, the flags, the compiler and the processor, and
    with a checksum. Where that folder cannot be written to, or other users can write to it, every process compiles for
    itself.

    Args:
        source: The C file; it may include the headers beside it and those of this folder.

    Raises:
        CannotCompileError: There is no compiler, or it fails.
    """
    compiler = _compiler()
    processor, macros = _target(compiler)
    command = [*compiler, *_FLAGS, *processor, "-I", str(SHARED)]
    headers = [*sorted(source.parent.glob("*.h")), *sorted(SHARED.glob("*.h"))]
    sources = [path.read_bytes() for path in (source, *headers)]
    parts = [*sources, shlex.join([*compiler, *_FLAGS, *processor]).encode(), macros]
    key = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:32]
    try:
        kept = private_cache() / f"{source.stem}-{key}.so"
    except OSError:  # no folder that is this user's alone
        kept = None
    loaded = None if kept is None else _load_kept(kept)
    return loaded or _compile_and_load([*command, str(source), "-lm"], kept)


def _compiler() -> list[str]:
    """Return the command that `CC` names, options and all, or the first compiler there is."""
    wishes = [shlex.split(os.environ.get("CC", ""))]
    wishes = wishes if wishes[0] else [["cc"], ["gcc"], ["clang"]]
    for name, *options in wishes:
        path = shutil.which(name)
        if path is not None:
            return [path, *options]
    raise CannotCompileError(f"no C compiler found ({', '.join(name for name, *_ in wishes)})")


def _target(compiler: list[str]) -> tuple[tuple[str, ...], bytes]:
    """Return the flags for this processor, and the macros of the compiler's version and the processor's abilities."""
    why = ""
    for flags in _OWN_PROCESSOR:
        try:
            return flags, _run([*compiler, *flags, "-dM", "-E", "-x", "c", os.devnull])
        except CannotCompileError as error:
            why = str(error)
    raise CannotCompileError(why)


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        why = next((line for line in lines if "error" in line), f"status {error.returncode}")
        raise CannotCompileError(f"{command[0]} failed: {why}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotCompileError(f"{command[0]} failed: {error}") from error
    return done.stdout


_CHECKSUM = hashlib.sha256().digest_size


def _load_kept(path: Path) -> ctypes.CDLL | None:
    """Load a kept library; None where there is none, or where it is not what was once written."""
    try:
        if not is_own_file(path.lstat()):
            return None
        content = path.read_bytes()
        whole = hashlib.sha256(content[:-_CHECKSUM]).digest() == content[-_CHECKSUM:]
        return ctypes.CDLL(str(path)) if whole else None
    except OSError:
        return None


def _compile_and_load(command: list[str], kept: Path | None) -> ctypes.CDLL:
    try:
        with tempfile.TemporaryDirectory(prefix="sasa-nas-") as folder:
            made = Path(folder) / "made.so"
            _run([*command, "-o", str(made)])
            content = made.read_bytes()
            if kept is not None:
                _keep(content + hashlib.sha256(content).digest(), kept)
            # a loaded library stays when its file goes
            return ctypes.CDLL(str(made))
    except OSError as error:
        raise CannotCompileError(f"cannot load what was compiled: {error}") from error


def _keep(content: bytes, path: Path) -> None:
    """Write a file whole or not at all; several processes may do so at once, and it is no loss where none can."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink()
