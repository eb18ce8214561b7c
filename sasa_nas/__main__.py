"""The program `sasa-nas`, also as `python -m sasa_nas`."""

import signal
import sys

from sasa_nas.cli.app import main
from sasa_nas.cli.signals import ENDING


def run() -> None:
    """Run the command line and exit with its status.

    Once it has ended, a signal that asks it to end must not change its status: the interpreter takes tenths of a second
    to wind up, and all is printed and on the disk.
    """
    status = main()
    for number in (signal.SIGINT, *ENDING):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


if __name__ == "__main__":
    run()
