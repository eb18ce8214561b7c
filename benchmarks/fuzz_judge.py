"""Runs command lines inside one process and judges how they end, whatever they are.

Right is: status 0, or 2 with one line on stderr; within a second of processor time; no exception that the program did
not mean; no file written outside the case's folder, no program started but git, no connection made.
"""

import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sasa_nas.files import private_cache

SECONDS = 1.0
"""Of the processor, that a case may take."""
SEARCHED, SEARCHING = "random ones has", 4.0
"""Words of the line that says that none of 300 designs is within the limits, and the seconds that this may take: each
block of them is counted once."""
PATIENCE = 6.0
"""Seconds of the processor after which a case is cut off."""
WALL = 20.0
"""Seconds of the clock after which a case is cut off: something waits."""
MEMORY = 4 * 2**30
"""Bytes that the process may grow by; what asks for more fails with an error of memory."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS = {
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"),
    *("os.chown", "os.utime", "shutil.rmtree", "shutil.move", "sqlite3.connect"),
}
_STARTING = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen"}


class Overrun(BaseException):
    """A case took too long."""


@dataclass(frozen=True)
class Verdict:
    """End of a case.

    Attributes:
        status: The exit status; None where there was none.
        last: The last line of stderr.
        seconds: Of the processor.
        faults: What was not right, in words.
        trace: Whether an exception came through.
    """

    status: int | None
    last: str
    seconds: float
    faults: tuple[str, ...]
    trace: bool


class Court:
    """Judges cases, each in a fresh folder below `root` that is the working directory.

    Args:
        root: An empty folder; nothing outside it may be written.
        border: Words of the line with which a command ends where long work would begin; it may have said more before.
        prepare: Called with the folder of each case before it runs, when it holds a copy of what is in `material`.
    """

    def __init__(self, root: Path, *, border: str = "", prepare: Callable[[Path], None] | None = None) -> None:
        self.root = root.resolve()
        self.folder = self.root / "deep" / "case"
        self.material = self.root / "material"
        self.material.mkdir()
        self._border, self._prepare = border, prepare
        self._watching = False
        self._seen: list[str] = []
        self._written = True
        (self.root / "tmp").mkdir()
        tempfile.tempdir = str(self.root / "tmp")
        compiled = list(private_cache().glob("*.so"))
        os.environ |= {"HOME": str(self.root), "XDG_CACHE_HOME": str(self.root / "cache")}
        for library in compiled:  # to compile takes half of a short run, and is nobody's case
            shutil.copy2(library, private_cache())
        sys.dont_write_bytecode = True
        sys.addaudithook(self._audit)

    def judge(self, case: Callable[[], int | None]) -> Verdict:
        """Run a case and say how it ended.

        Args:
            case: Returns its exit status.
        """
        self._seen.clear()
        if self._written:
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.copytree(self.material, self.folder, symlinks=True)
            if self._prepare is not None:
                self._prepare(self.folder)
            self._written = False
        os.chdir(self.folder)
        out, err, status, trace = io.StringIO(), io.StringIO(), None, False
        faults: list[str] = []
        begin = time.process_time()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _limited(), self._watched():
                status = case()
        except Overrun as error:
            faults.append(f"cut off after {error}")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            faults.append(_told(error))
            trace = True
        seconds = time.process_time() - begin
        faults += self._seen
        if status not in (0, 2) and not faults:
            faults.append(f"status {status}")
        lines = err.getvalue().splitlines()
        if self._border and lines and self._border in lines[-1]:
            del lines[:-1]
        if status == 2 and (len(lines) != 1 or not lines[0].startswith("sasa-nas: ")):
            faults.append(f"{len(lines)} lines on stderr: {err.getvalue()[:300]!r}")
        if lines and len(lines[0]) > LONGEST:
            faults.append(f"a line of {len(lines[0])} characters")
        allowed = SEARCHING if status == 2 and SEARCHED in lines[-1] else SECONDS
        if seconds > allowed and not faults:
            faults.append(f"{seconds:.1f} s")
        return Verdict(status, lines[-1] if lines else "", seconds, tuple(faults), trace)

    def forget_material(self, *patterns: str, keep: tuple[str, ...]) -> None:
        """Remove files from the material that each case begins with.

        Args:
            patterns: Of their names.
            keep: Those that stay.
        """
        for pattern in patterns:
            for file in self.material.glob(pattern):
                if file.name not in keep:
                    file.unlink()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self._check(event, path)
        elif event in _PATHS:
            for path in arguments[: 2 if event in ("os.rename", "os.link", "shutil.move") else 1]:
                self._check(event, path)
        elif event in _STARTING:
            program = os.fsdecode(arguments[0] or "")
            if Path(program).name != "git":
                self._seen.append(f"{event} {program}")
        elif event == "socket.connect":
            self._seen.append(f"{event} {arguments[1]}")

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            # through links: of what is opened, to its end; of what is made, moved or removed, to its folder
            folder, name = os.path.split(os.fsdecode(path)) if event != "open" else (os.fsdecode(path), "")
            place = Path(os.path.realpath(folder), name)
            if place == Path(os.devnull):
                return
            self._written = True
            # what cannot be written is not
            if not place.is_relative_to(self.root) and not place.is_relative_to("/proc"):
                self._seen.append(f"{event} {place}")


LONGEST = 1500
"""Characters of the line on stderr."""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Cut off what takes too long or too much memory."""

    def overrun(number: int, frame: FrameType | None) -> None:
        where = f" in {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
        raise Overrun(f"{PATIENCE if number == signal.SIGPROF else WALL:g} s{where}")

    before = {number: signal.signal(number, overrun) for number in (signal.SIGPROF, signal.SIGALRM)}
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    signal.setitimer(signal.ITIMER_REAL, WALL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, handler in before.items():
            signal.signal(number, handler)


def _told(error: BaseException) -> str:
    """Return an exception with the last lines that led to it."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]} [{where}]"
