"""Training steps while glibc's malloc keeps freed memory, against its default.

    python benchmarks/kept_memory.py    # two minutes

A large AlexNetModern on batches of 500, by two processes in turn: malloc's thresholds move by
themselves until one of them is set, so a process cannot go back to the default. Both must have the
same losses, and the one that keeps memory must have fewer page faults. Also prints the fraction of
system time. Last line: JSON.
"""

import resource
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from timing import Timed, UnequalWorkError, in_turn, parse, report
from torch.nn import functional as F
from torch.optim import SGD

from alexnet_lightning.models import AlexNetModern
from alexnet_lightning.system.memory import keep_freed_memory
from alexnet_lightning.training.run_folder import machine

STEPS = 3


class Training:
    """A network and one batch of random images.

    Args:
        batch_size: images per step.
        width: multiplies the channels.
    """

    def __init__(self, batch_size: int, width: float) -> None:
        torch.manual_seed(0)
        model = AlexNetModern(10, 3, 32, width=width, whitening=True, size="large")
        self.network = model.network
        self.optimizer = SGD(self.network.parameters(), lr=1e-5, momentum=0.9, fused=True)
        images = torch.randn(batch_size, 3, 32, 32)
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.labels = torch.arange(batch_size) % 10

    def step(self) -> float:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.network(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


training: Training  # of this process


def begin(keep: bool, batch_size: int, width: float) -> None:
    """Prepare a process."""
    global training
    if keep:
        keep_freed_memory()
    training = Training(batch_size, width)


def timed_steps() -> tuple[Timed, float, int]:
    """Return a step's time with the losses, its fraction of system time, and its page faults."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    losses = [training.step() for _ in range(STEPS)]
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    faults = (after.ru_minflt - before.ru_minflt) // STEPS
    return Timed(seconds / STEPS, losses), system / (user + system), faults


class Side:
    """A process that trains, with what was measured of it."""

    def __init__(self, keep: bool, batch_size: int, width: float) -> None:
        start = get_context("spawn")
        self.pool = ProcessPoolExecutor(1, start, begin, (keep, batch_size, width))
        self.system_time: list[float] = []
        self.faults: list[int] = []

    def timed(self) -> Timed:
        timed, system_time, faults = self.pool.submit(timed_steps).result()
        self.system_time.append(system_time)
        self.faults.append(faults)
        return timed


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=6)
    size = (64, 0.5) if options.tiny else (500, 1.0)
    sides = {"default": Side(False, *size), "kept": Side(True, *size)}
    pairs = in_turn(*(side.timed for side in sides.values()), options.rounds)
    for side in sides.values():
        side.pool.shutdown()
    faults = {name: statistics.median(side.faults[1:]) for name, side in sides.items()}
    if not faults["kept"] < faults["default"]:
        raise UnequalWorkError(f"keeping freed memory saves no page faults: {faults} per step")
    report(
        {
            "machine": machine(),
            "ratio": pairs.ratio,
            "ratios": [round(old / new, 3) for old, new in zip(*pairs, strict=True)],
            "system_time": {
                name: round(statistics.median(side.system_time[1:]), 3)
                for name, side in sides.items()
            },
            "page_faults": faults,
        }
    )


if __name__ == "__main__":
    main()
