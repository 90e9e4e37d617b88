"""Training steps while glibc's malloc keeps freed memory, against its default, in turn.

Seconds and the share of system time, large AlexNetModern on batches of 500. Last line: JSON.

    python benchmarks/kept_memory.py            # two minutes
"""

import ctypes
import json
import os
import statistics
import time

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD

from alexnet_lightning.models.modern import modern
from alexnet_lightning.system.memory import MMAP_MAX, TRIM_THRESHOLD, keep_freed_memory
from alexnet_lightning.training.run_folder import machine

ROUNDS, STEPS = 6, 3


def give_back() -> None:
    """glibc's defaults."""
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(MMAP_MAX, 65536)
    mallopt(TRIM_THRESHOLD, 128 * 1024)


def main() -> None:
    torch.manual_seed(0)
    network = modern(10, 3, 32, 1.0, True, "large").to(memory_format=torch.channels_last)
    optimizer = SGD(network.parameters(), lr=1e-5, momentum=0.9, fused=True)
    images = torch.randn(500, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(500) % 10

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    seconds: dict[str, list[float]] = {"default": [], "kept": []}
    system: dict[str, list[float]] = {"default": [], "kept": []}
    for _ in range(ROUNDS):
        for name, switch in (("default", give_back), ("kept", keep_freed_memory)):
            switch()
            step()
            started, before = time.perf_counter(), os.times()
            for _ in range(STEPS):
                step()
            after = os.times()
            used = after.user - before.user + after.system - before.system
            seconds[name].append((time.perf_counter() - started) / STEPS)
            system[name].append((after.system - before.system) / used)
    ratios = [old / new for old, new in zip(seconds["default"], seconds["kept"], strict=True)]
    figures = {
        "machine": machine(),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "system_time": {
            name: round(statistics.median(shares), 3) for name, shares in system.items()
        },
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
