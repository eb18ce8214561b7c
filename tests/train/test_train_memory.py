import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from sasa_nas.train.memory import is_out_of_memory, keep_freed_memory, release_memory

GLIBC = pytest.mark.skipif(sys.platform != "linux" or not keep_freed_memory(), reason="takes glibc as it comes")

MAP = 2**24
"""Floats: 64 MB, which glibc by default returns as soon as they are freed."""
PAGE = os.sysconf("SC_PAGE_SIZE") if sys.platform == "linux" else 4096


def page_faults() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


@GLIBC
def test_maps_are_allocated_anew_without_page_faults() -> None:
    faults = []
    for _ in range(12):
        before = page_faults()
        torch.ones(MAP)
        faults.append(page_faults() - before)
    # holes that small blocks have cut into are too small at first
    assert min(faults) < 4 * MAP / PAGE / 10


@GLIBC
def test_freed_memory_is_returned_when_it_is_released() -> None:
    torch.ones(4 * MAP)
    kept = resident_bytes()
    release_memory()
    assert kept - resident_bytes() > 3.5 * 4 * MAP


@GLIBC
@pytest.mark.slow
def test_what_the_environment_configures_is_left_alone() -> None:
    code = "from sasa_nas.train.memory import keep_freed_memory; print(keep_freed_memory())"
    environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.strip() == "False"


def test_a_lack_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as lack:
        torch.empty(2**60)
    assert is_out_of_memory(lack.value)
    with pytest.raises(RuntimeError) as other:
        nn.Linear(2, 2)(torch.ones(1, 3))
    assert not is_out_of_memory(other.value)
