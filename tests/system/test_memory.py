"""Steps of a training that keeps freed memory fetch few pages from the system."""

import platform
import subprocess
import sys

import pytest

# In a process of its own: the setting cannot be taken back. A page fault is a page fetched again. A
# few remain: blocks do not always fit where others were. A map is 63 MB, for malloc by itself keeps
# blocks of up to 32 MB once one was freed (mallopt(3), M_MMAP_THRESHOLD), now and then.
SCRIPT = """
import resource
import torch
from torch import nn
from alexnet_lightning.system.memory import keep_freed_memory

torch.set_num_threads(1)
images = torch.rand(64, 3, 64, 64)
network = nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 1), nn.ReLU())

def faults():
    steps(2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    steps(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def steps(count):
    for _ in range(count):
        network(images).sum().backward()

print(faults())
keep_freed_memory()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_steps_that_keep_freed_memory_fetch_a_fifth_of_the_pages_at_most() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, kept = map(int, done.stdout.split())
    assert 5 * kept < before
