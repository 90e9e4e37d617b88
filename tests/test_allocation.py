"""Pages that malloc keeps need not be fetched again."""

import platform
import subprocess
import sys

import pytest

# In a process of its own: the setting cannot be taken back.
SCRIPT = """
import resource, sys, torch
from alexnet_lightning.allocation import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(50_000_000)  # 200 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.ones(50_000_000)
print(faults())
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_used_again_without_a_page_fault() -> None:
    assert faults("keep") < 100 < faults("leave")
