"""The program as a process of its own."""

import subprocess
import sys

import pytest

from sasa_nas import __version__

CHILD = """
import atexit, os, signal, sys
from sasa_nas.__main__ import run

signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), {number})
sys.argv = ["sasa-nas", "--version"]
run()
"""


def test_it_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "sasa_nas", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sasa-nas {__version__}\n"


@pytest.mark.parametrize("number", ["signal.SIGINT", "signal.SIGTERM"])
def test_a_signal_after_its_end_does_not_change_its_status(number: str) -> None:
    child = [sys.executable, "-c", CHILD.format(number=number)]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sasa-nas {__version__}\n", "")
