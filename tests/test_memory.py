"""Memory that the C library keeps, and the measure of what is in use."""

import subprocess
import sys

import pytest
import torch

from benchmarks.memory import peak_memory

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

_TAKES_AND_FREES = """
import resource, sys, torch
from reproduction.machine.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
faults = [0]
for _ in range(30):
    torch.ones(16 << 20)  # 64 MiB, more than glibc ever keeps by itself
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[15])  # the first few still make the heap as large as it has to be
"""


@linux
def test_peak_memory_sees_what_is_let_go_again():
    assert peak_memory(lambda: torch.ones(8 << 20)) > 30 << 20  # 32 MiB


@linux
def test_peak_memory_sees_what_was_freed_before_and_is_taken_again():
    def blocks() -> list[torch.Tensor]:
        return [torch.ones(16 << 10) for _ in range(1024)]  # 64 MiB, in pieces the heap keeps

    held = blocks()
    held.append(pin := torch.ones(1))  # after them, so that the heap cannot shrink by itself
    del held
    assert peak_memory(blocks) > 60 << 20
    assert pin.item() == 1


@linux
def test_freed_memory_is_kept_and_not_faulted_in_again():
    def faults(how: str) -> int:
        command = [sys.executable, "-c", _TAKES_AND_FREES, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("kept") < faults("given back") / 10
