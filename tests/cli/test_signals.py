"""Signals that ask a process to end, in child processes."""

import signal
import subprocess
import sys
import time

import pytest

CHILD = """
import signal, sys, time
from sasa_nas.cli import signals

signals.PATIENCE = 0.5
# whoever runs the tests in the background has them ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
{before}
with signals.ending_like_interrupt():
    try:
        print("ready", flush=True)
        {body}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        {after}
print("over", flush=True)
"""


def end(
    *numbers: signal.Signals, before: str = "", body: str = "time.sleep(30)", after: str = ""
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a child that gets these signals, a moment apart."""
    script = CHILD.format(before=before, body=body, after=after)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    for number in numbers:
        child.send_signal(number)
        time.sleep(0.1)
    stdout, stderr = child.communicate(timeout=20)
    return child.returncode, stdout, stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_they_interrupt(number: signal.Signals) -> None:
    assert end(number) == (0, "interrupted\nover\n", "")


def test_an_interrupt_that_a_shell_has_ignored_is_no_hindrance() -> None:
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    assert end(signal.SIGINT, signal.SIGTERM, before=ignored) == (0, "interrupted\nover\n", "")


def test_a_hangup_that_nohup_has_ignored_stays_so() -> None:
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    assert end(signal.SIGHUP, before=ignored, body="time.sleep(0.3)") == (0, "over\n", "")


def test_a_second_one_ends_at_once() -> None:
    status, stdout, stderr = end(signal.SIGTERM, signal.SIGTERM, after="time.sleep(30)")
    assert (status, stdout) == (130, "interrupted\n")
    assert stderr.startswith("sasa-nas: was asked to end twice; what is finished is on the disk")
    assert stderr.count("\n") == 1


def test_what_does_not_end_is_ended() -> None:
    status, stdout, stderr = end(signal.SIGTERM, after="time.sleep(30)")
    assert (status, stdout) == (130, "interrupted\n")
    assert "has not ended within" in stderr


def test_handlers_are_put_back() -> None:
    child = "import signal\nfrom sasa_nas.cli.signals import ending_like_interrupt\n"
    child += "with ending_like_interrupt():\n    pass\nprint(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_an_interrupt_that_native_code_drops_comes_again() -> None:
    # a finaliser is such a callback: what it raises is only told
    body = "Dropped(); time.sleep(30)"
    before = "class Dropped:\n    def __del__(self): raise KeyboardInterrupt"
    assert end(before=before, body=body) == (0, "interrupted\nover\n", "")
