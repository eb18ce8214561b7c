import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from sasa_nas.training.memory import is_out_of_memory, keep_freed_memory

GLIBC = pytest.mark.skipif(sys.platform != "linux" or not keep_freed_memory(), reason="takes glibc as it comes")

MAP = 2**24
"""Floats: 64 MB, which glibc by default returns as soon as they are freed."""
PAGE = os.sysconf("SC_PAGE_SIZE") if sys.platform == "linux" else 4096


MEASURE = """
import resource
from pathlib import Path

import torch
from sasa_nas.training.memory import keep_freed_memory, release_memory

keep_freed_memory()
faults = []
for _ in range(12):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones({floats})
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


def resident_pages():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])


torch.ones(4 * {floats})
kept = resident_pages()
release_memory()
# holes that small blocks have cut into are too small at first
print(min(faults), kept - resident_pages())
"""


@GLIBC
@pytest.mark.slow
def test_freed_memory_is_kept_for_later_maps_until_it_is_released() -> None:
    # in a process of its own: the heap of this one may have no room left to grow
    code = MEASURE.format(floats=MAP)
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    faults, released = (int(number) for number in answer.stdout.split())
    assert faults < 4 * MAP / PAGE / 10
    assert released > 3.5 * 4 * MAP / PAGE


@GLIBC
def test_what_the_environment_configures_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    # as the first call of a process
    assert keep_freed_memory.__wrapped__() is False


def test_a_lack_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as lack:
        torch.empty(2**60)
    assert is_out_of_memory(lack.value)
    with pytest.raises(RuntimeError) as other:
        nn.Linear(2, 2)(torch.ones(1, 3))
    assert not is_out_of_memory(other.value)
