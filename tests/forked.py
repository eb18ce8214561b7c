"""Python programs in processes that are forked from one which has imported torch: importing is most of what they do."""

import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = (
    *("torch", "torch._dynamo", "torchvision", "scipy.stats", "sklearn.datasets", "sklearn.model_selection"),
    *("sasa_nas.cli.app", "sasa_nas.searching.session", "sasa_nas.workflows.train", "sasa_nas.exporting.folder"),
)
STREAMS = ("stdout", "stderr")
CONTEXT.set_forkserver_preload(list(PRELOADED))


class ForkedProgram:
    """A running program; its signals, status and output are those of `python PROGRAM ARGUMENTS`.

    For programs whose own start is not what is tested: modules that they import may be there already.

    Args:
        words: The command line after `python`: a script's path, `-m` and a module or `-c` and a text, then arguments.
        environment: Variables to set beside those of this process.
        cwd: Its working directory; by default that of this process.
    """

    def __init__(
        self,
        words: Sequence[object],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.words = [str(word) for word in words]
        self._streams = Path(tempfile.mkdtemp(prefix="forked-"))
        variables = {**os.environ, **(environment or {})}
        self._process = CONTEXT.Process(target=_run, args=(self.words, self._streams, variables, cwd or Path.cwd()))
        self._process.start()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self, timeout: float) -> subprocess.CompletedProcess[str]:
        """Return its status and output when it has ended.

        Args:
            timeout: Seconds after which it is killed.

        Raises:
            subprocess.TimeoutExpired: If it was killed.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise subprocess.TimeoutExpired(self.words, timeout)
        stdout, stderr = ((self._streams / name).read_text(encoding="utf-8") for name in STREAMS)
        shutil.rmtree(self._streams)
        return subprocess.CompletedProcess(self.words, self._process.exitcode, stdout, stderr)


def run_forked(
    words: Sequence[object],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 100,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; arguments as those of `ForkedProgram`."""
    return ForkedProgram(words, environment=environment, cwd=cwd).wait(timeout)


def _run(words: list[str], streams: Path, environment: dict[str, str], cwd: Path) -> None:
    """Be the program, in the forked process."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, name in enumerate(STREAMS, start=1):
        file = os.open(streams / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        elif words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            sys.path.insert(0, "")
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(words[0]).parent))
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
