"""The program `sasa-nas`, also as `python -m sasa_nas`."""

import gc
import signal
import sys

from sasa_nas.cli.app import main
from sasa_nas.cli.signals import ENDING

COLLECT_AFTER = 10_000
"""Objects that are made, beyond those that are freed, before cycles among them are looked for. Python's own 700 to
2,000 are soon reached by reading a run, all of whose objects stay; to look at them again and again took a tenth of the
time of `sasa-nas pareto`."""


def run() -> None:
    """Run the command line and exit with its status.

    Once it has ended, a signal that asks it to end must not change its status: the interpreter takes tenths of a second
    to wind up, and all is printed and on the disk.
    """
    gc.set_threshold(COLLECT_AFTER)
    status = main()
    for number in (signal.SIGINT, *ENDING):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


if __name__ == "__main__":
    run()
