"""The processes of a round: found by a variable planted in their environment, whoever started them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MARK = "SASA_NAS_CHAOS"
PROC = Path("/proc")
ROOT = Path(__file__).parent.parent.parent
PROGRAM = (sys.executable, "-m", "sasa_nas")

Role = Literal["driver", "worker", "raylet", "gcs", "agent"]


@dataclass(frozen=True)
class Process:
    """A process that lives.

    Attributes:
        pid: Its number.
        begun: When it began, in the kernel's ticks: numbers come again.
        command: Its command line, words separated by blanks.
    """

    pid: int
    begun: int
    command: str

    @property
    def role(self) -> Role:
        """Role in a search, told from the command line."""
        if self.command.startswith("ray::"):
            return "agent" if self.command.rstrip().endswith("Agent") else "worker"
        name = self.command.partition(" ")[0].rpartition("/")[2]
        if name in ("raylet", "gcs_server"):
            return "raylet" if name == "raylet" else "gcs"
        return "agent" if "/ray/" in self.command or "multiprocessing" in self.command else "driver"

    def kill(self) -> None:
        """End it at once, unless its number is another's by now."""
        if _begun(self.pid) == self.begun:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def marked(mark: str) -> list[Process]:
    """Return the processes whose environment holds the mark, but for zombies."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for place in PROC.iterdir():
        if not place.name.isdecimal():
            continue
        try:
            if wanted not in (place / "environ").read_bytes().split(b"\0"):
                continue
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        begun = _begun(int(place.name))
        if begun is not None:
            found.append(Process(int(place.name), begun, command))
    return sorted(found, key=lambda process: process.pid)


def _begun(pid: int) -> int | None:
    """Return the kernel's tick at which a process began; None if it is over."""
    try:
        state, *rest = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(rest[18])


class Session:
    """A command under way, in a process group of its own.

    Args:
        words: What follows the program's name.
        folder: Where its output goes, and where it finds a temporary folder `t`.
        name: Of its output files.
        mark: Planted in its environment.
    """

    def __init__(self, words: list[str], folder: Path, name: str, mark: str) -> None:
        self.words = words
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self.begun = time.monotonic()
        environment = os.environ | {
            MARK: mark,
            "TMPDIR": str(folder / "t"),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*PROGRAM, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                cwd=folder,
                process_group=0,
                preexec_fn=_default_signals,
            )
        self.pid = self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def stderr(self) -> str:
        """Text written to stderr so far."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send it, or its whole group, a signal, if it is there."""
        if self.status is None:
            with suppress(ProcessLookupError):
                if group:
                    os.killpg(self.pid, number)
                else:
                    os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Return its exit status; None if it has not ended within so many seconds."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None


def _default_signals() -> None:
    """Restore the default handlers of signals, which shells have background processes ignore."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
