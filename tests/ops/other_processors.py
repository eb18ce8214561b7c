"""The compiled loops as processors with shorter vectors get them, and with undefined behaviour checked for."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sasa_nas.ops.compiled import load_library

VARIANTS = {
    # the vectors of the source are as wide at -O1, and compiled in less than half the time
    "eight lanes": "-O1 -mno-avx512f",
    "four lanes at a time": "-O1 -mno-avx512f -mno-avx2 -mno-avx -mno-fma",
    # checks of the sizes of objects want some optimisation; more of it takes twice as long and checks no more
    "checked": "-O1 -fsanitize=undefined -fno-sanitize-recover=all",
}
"""Options of the compiler, by what they stand for."""
NIGHT = ("four lanes at a time", "checked")
"""Variants that are tested by night alone; by day vectors of eight lanes are, beside the machine's own."""
PROCESSORS = [
    pytest.param(options, id=name, marks=[pytest.mark.night] * (name in NIGHT)) for name, options in VARIANTS.items()
]
"""Options as the parameters of a test."""


@contextmanager
def compiled_with(options: str, folder: Path) -> Iterator[None]:
    """Loops are compiled with these options, which overrule those of the package, into a folder of their own."""
    compiler = folder / "compiler"
    compiler.write_text(f'#!/bin/sh\nexec cc "$@" {options}\n')
    compiler.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", shlex.quote(str(compiler)))
        patch.setenv("XDG_CACHE_HOME", str(folder))
        load_library.cache_clear()
        try:
            yield
        finally:
            load_library.cache_clear()
