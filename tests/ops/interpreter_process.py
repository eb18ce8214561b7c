"""A process in which triton is its interpreter, whatever it is in the process of the tests."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Interpreter:
    """Calls functions in the process, which is started when the first is called."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_interpret)

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What a function of an importable module returns there."""
        return self._pool.submit(function, *arguments, **named).result(timeout=100)

    def close(self) -> None:
        """Ends the process."""
        self._pool.shutdown()


def _interpret() -> None:
    # before anything imports triton, which torch may
    os.environ["TRITON_INTERPRET"] = "1"
