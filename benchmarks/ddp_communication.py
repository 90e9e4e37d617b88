"""What it costs that two processes share a batch, and what each way of sending gradients saves.

    python benchmarks/ddp_communication.py    # two to three minutes on two cores

AlexNet in full on 64-px images, SGD with momentum, batches of 32 a process, gloo, a core each.
Every case trains in turn with plain DDP in the same two processes; a ratio is the median over such
pairs. By torch's own DDP, since Lightning puts hooks in place on GPUs only. Last line: JSON.
"""

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook
from torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook import PowerSGDState, powerSGD_hook
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD

from alexnet_lightning.models import AlexNet
from alexnet_lightning.training.optimization import build_optimizer

PROCESSES = 2
BATCH, IMAGE_SIZE, CLASSES = 32, 64, 10
WARM_UP = 4  # steps; PowerSGD's first two send whole gradients
MEGABYTE = 1e6


class Case(NamedTuple):
    """A way of sending gradients."""

    name: str
    options: dict[str, Any] = {}  # noqa: RUF012  # never changed
    hook: Callable[[DistributedDataParallel], None] | None = None
    accumulate: int = 1


def power_sgd(network: DistributedDataParallel) -> None:
    state = PowerSGDState(None, matrix_approximation_rank=4, start_powerSGD_iter=2)
    network.register_comm_hook(state, powerSGD_hook)


VIEW = {"gradient_as_bucket_view": True}
# PowerSGD sends in the callbacks of what it has sent, which gloo runs in any order: of several
# buckets, two processes would send different ones.
ONE_BUCKET = VIEW | {"bucket_cap_mb": 1000}
PLAIN = Case("plain")
CASES = [
    Case("bucket_view", VIEW),
    Case("static_graph", {"static_graph": True}),
    Case("overlay_ddp", VIEW | {"static_graph": True}),
    Case("bf16", VIEW, lambda network: network.register_comm_hook(None, bf16_compress_hook)),
    Case("power_sgd_4", ONE_BUCKET, power_sgd),
    Case("accumulate_4", VIEW, accumulate=4),
]


class Wire:
    """Counts the bytes that hooks hand to all-reduce."""

    def __init__(self) -> None:
        self.bytes = 0
        self._all_reduce = distributed.all_reduce
        distributed.all_reduce = self

    def __call__(self, tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        self.bytes += tensor.nbytes
        return self._all_reduce(tensor, *args, **kwargs)


class Training:
    """A network with its optimiser and batch.

    Args:
        case: how gradients are sent; None trains by itself.
        images: a batch.
    """

    def __init__(self, case: Case | None, images: int) -> None:
        before = resident()
        torch.manual_seed(0)
        network = AlexNet(CLASSES, 3, IMAGE_SIZE, init="he").network
        self.optimizer = build_optimizer(partial(SGD, lr=1e-4, momentum=0.9), network, 1.0, True)
        self.gradient = sum(weight.nbytes for weight in network.parameters())
        self.network: nn.Module = network
        self.accumulate = 1
        if case is not None:
            self.network = DistributedDataParallel(network, **case.options)
            self.accumulate = case.accumulate
            if case.hook is not None:
                case.hook(self.network)
        self.images = torch.randn(images, 3, IMAGE_SIZE, IMAGE_SIZE)
        self.images = self.images.to(memory_format=torch.channels_last)
        self.labels = torch.arange(images) % CLASSES
        for _ in range(WARM_UP):
            self.seconds()
        self.memory = resident() - before

    def seconds(self) -> float:
        """Take a step; return the time of each of its batches."""
        started = time.perf_counter()
        self.optimizer.zero_grad()
        for number in range(1, self.accumulate + 1):
            waits = number < self.accumulate
            with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
                loss = F.cross_entropy(self.network(self.images), self.labels)
                (loss / self.accumulate).backward()
        self.optimizer.step()
        return (time.perf_counter() - started) / self.accumulate


def resident() -> int:
    """Bytes of memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def alone(plain: Training, rounds: int) -> dict[str, float]:
    """Compare plain DDP with one process that has all cores and the whole batch."""
    whole = Training(None, PROCESSES * BATCH) if distributed.get_rank() == 0 else None
    times = []
    for _ in range(rounds):
        distributed.barrier()
        single = 0.0
        if whole is not None:
            torch.set_num_threads(PROCESSES)
            single = whole.seconds()
            torch.set_num_threads(1)
        distributed.barrier()
        times.append((plain.seconds(), single))
    return {
        "plain_ms": 1000 * statistics.median(both for both, _ in times),
        "one_process_ms": 1000 * statistics.median(single for _, single in times),
        "ratio": statistics.median(single / both for both, single in times),
    }


def compare(case: Case, plain: Training, wire: Wire, rounds: int) -> dict[str, float]:
    """Return a case's time, speed against plain DDP, and bytes, a batch."""
    training = Training(case, BATCH)
    wire.bytes = 0
    times = []
    for _ in range(rounds):
        distributed.barrier()
        times.append((plain.seconds(), training.seconds()))
    sent = wire.bytes / rounds if case.hook else training.gradient
    return {
        "ms": 1000 * statistics.median(mine for _, mine in times),
        "speedup": statistics.median(theirs / mine for theirs, mine in times),
        "sent": sent / training.accumulate / MEGABYTE,
        "memory": training.memory / MEGABYTE,
    }


def work(rank: int, store: str, rounds: int) -> None:
    """Do one process' part; the first prints."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=PROCESSES)
    wire = Wire()
    tell = print if rank == 0 else lambda *args, **kwargs: None
    plain = Training(PLAIN, BATCH)
    figures = {"gradient": plain.gradient / MEGABYTE}
    base = alone(plain, rounds)
    tell(
        f"one process, {PROCESSES} threads, {PROCESSES * BATCH} images: "
        f"{base['one_process_ms']:.0f} ms a step; {PROCESSES} processes with plain DDP: "
        f"{base['plain_ms']:.0f} ms, {base['ratio']:.2f} times as fast\n"
    )
    figures["two_processes"] = base["ratio"]
    tell(f"{'gradients':<16}{'ms a batch':>12}{'speedup':>9}{'MB sent':>9}{'MB held':>9}")
    tell(
        f"{PLAIN.name:<16}{base['plain_ms']:>12.0f}{1:>9.2f}"
        f"{plain.gradient / MEGABYTE:>9.1f}{plain.memory / MEGABYTE:>9.0f}"
    )
    for case in CASES:
        row = compare(case, plain, wire, rounds)
        tell(
            f"{case.name:<16}{row['ms']:>12.0f}{row['speedup']:>9.2f}"
            f"{row['sent']:>9.1f}{row['memory']:>9.0f}",
            flush=True,
        )
        figures |= {case.name: row["speedup"], f"{case.name}_sent": row["sent"]}
    tell(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="pairs of each (default: 9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        torch.multiprocessing.spawn(work, (store, options.rounds), nprocs=PROCESSES)


if __name__ == "__main__":
    main()
