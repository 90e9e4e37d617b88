"""The cost of sharing a batch between two processes, and what each way of sending gradients saves.

    python benchmarks/ddp_communication.py    # three minutes on two cores

AlexNet at full width on 64-px images, SGD with momentum, batches of 32 per process, gloo, one core
each. Every way trains in turn with plain DDP in the same two processes, and its weights must be
equal on both at the end. By torch's own DDP, since Lightning registers communication hooks on GPUs
only. Last line: JSON.
"""

import gc
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from timing import Timed, UnequalWorkError, in_turn, parse, report, seconds
from torch import distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook
from torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook import PowerSGDState, powerSGD_hook
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD

from alexnet_lightning.models import AlexNet
from alexnet_lightning.training.optimization import build_optimizer

PROCESSES = 2
CLASSES = 10
WARM_UP = 4  # steps; PowerSGD's first two send whole gradients
MEGABYTE = 1e6


class Size(NamedTuple):
    """How much there is to train, per process."""

    processes: int
    batch: int
    image_size: int
    width: float


FULL = Size(PROCESSES, 32, 64, 1.0)
TINY = Size(1, 4, 64, 0.05)  # in this process, since starting others takes longer


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
# PowerSGD sends from callbacks, which gloo runs in any order: with several buckets, two processes
# would send different ones.
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
    """Counts the bytes that communication hooks pass to all-reduce, while it is entered."""

    def __enter__(self) -> Self:
        self.bytes = 0
        self._all_reduce = distributed.all_reduce
        distributed.all_reduce = self
        return self

    def __exit__(self, *_: object) -> None:
        distributed.all_reduce = self._all_reduce

    def __call__(self, tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        self.bytes += tensor.nbytes
        return self._all_reduce(tensor, *args, **kwargs)


class Training:
    """A network with its optimizer and a batch of its process.

    Args:
        case: how gradients are sent; None trains alone.
        size: of the network and of its images.
        images: of the batch.
    """

    def __init__(self, case: Case | None, size: Size, images: int) -> None:
        before = resident()
        torch.manual_seed(0)
        model = AlexNet(CLASSES, 3, size.image_size, width=size.width, init="he")
        network = model.network
        self.optimizer = build_optimizer(partial(SGD, lr=1e-4, momentum=0.9), network)
        self.gradient = sum(weight.nbytes for weight in network.parameters())
        self.network: nn.Module = network
        self.accumulate = 1
        if case is not None:
            self.network = DistributedDataParallel(network, **case.options)
            self.accumulate = case.accumulate
            if case.hook is not None:
                case.hook(self.network)
        torch.manual_seed(distributed.get_rank())  # every process has images of its own
        self.images = torch.randn(images, 3, size.image_size, size.image_size)
        self.images = self.images.to(memory_format=torch.channels_last)
        self.labels = torch.arange(images) % CLASSES
        for _ in range(WARM_UP):
            self.step()
        self.memory = resident() - before

    def step(self) -> None:
        self.optimizer.zero_grad()
        for number in range(1, self.accumulate + 1):
            waits = number < self.accumulate
            with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
                loss = F.cross_entropy(self.network(self.images), self.labels)
                (loss / self.accumulate).backward()
        self.optimizer.step()

    def timed(self) -> Timed:
        """Take a step; return the time per batch, and the images of a batch over all processes."""
        images = len(self.images)
        if isinstance(self.network, DistributedDataParallel):
            images *= distributed.get_world_size()
        return Timed(seconds(self.step) / self.accumulate, images)

    def require_same_weights(self, name: str) -> None:
        """Raise an UnequalWorkError unless all processes have the same, finite weights."""
        weights = torch.cat([weight.detach().flatten() for weight in self.network.parameters()])
        found = [torch.empty_like(weights) for _ in range(distributed.get_world_size())]
        distributed.all_gather(found, weights)
        if not all(torch.equal(weights, other) for other in found) or not weights.isfinite().all():
            raise UnequalWorkError(f"{name}: processes have not exchanged their gradients")


def resident() -> int:
    """Return the bytes of memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def alone(plain: Training, size: Size, rounds: int) -> dict[str, float]:
    """Compare plain DDP with one process that has all cores and the whole batch."""
    first = distributed.get_rank() == 0
    images = size.processes * size.batch
    whole = Training(None, size, images) if first else None

    def one() -> Timed:
        distributed.barrier()
        found = Timed(0.0, images)  # the other processes wait meanwhile
        if whole is not None:
            torch.set_num_threads(size.processes)
            found = whole.timed()
            torch.set_num_threads(1)
        distributed.barrier()
        return found

    pairs = in_turn(one, plain.timed, rounds, warm_up=0)
    single, both = (1000 * value for value in pairs.medians)
    return {"plain_ms": both, "one_process_ms": single, "ratio": pairs.ratio}


def compare(case: Case, plain: Training, size: Size, rounds: int) -> dict[str, float]:
    """Return a case's time, speed against plain DDP, and bytes, per batch."""
    with Wire() as wire:
        training = Training(case, size, size.batch)
        wire.bytes = 0

        def together() -> Timed:
            distributed.barrier()
            return plain.timed()

        pairs = in_turn(together, training.timed, rounds, warm_up=0)
    sent = wire.bytes / rounds if case.hook else training.gradient
    training.require_same_weights(case.name)
    return {
        "ms": 1000 * pairs.medians[1],
        "speedup": pairs.ratio,
        "sent": sent / training.accumulate / MEGABYTE,
        "memory": training.memory / MEGABYTE,
    }


def work(rank: int, store: str, size: Size, rounds: int) -> None:
    """Do one process' part; the first prints."""
    torch.set_num_threads(1)
    gc.freeze()  # what is imported needs no collection whenever memory is measured
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size.processes)
    tell = print if rank == 0 else lambda *args, **kwargs: None
    plain = Training(PLAIN, size, size.batch)
    figures = {"gradient": plain.gradient / MEGABYTE}
    base = alone(plain, size, rounds)
    tell(
        f"one process, {size.processes} threads, {size.processes * size.batch} images: "
        f"{base['one_process_ms']:.0f} ms per step; {size.processes} processes with plain DDP: "
        f"{base['plain_ms']:.0f} ms, {base['ratio']:.2f} times as fast\n"
    )
    figures["two_processes"] = base["ratio"]
    tell(f"{'gradients':<16}{'ms per batch':>13}{'speedup':>9}{'MB sent':>9}{'MB held':>9}")
    tell(
        f"{PLAIN.name:<16}{base['plain_ms']:>13.0f}{1:>9.2f}"
        f"{plain.gradient / MEGABYTE:>9.1f}{plain.memory / MEGABYTE:>9.0f}"
    )
    for case in CASES:
        row = compare(case, plain, size, rounds)
        tell(
            f"{case.name:<16}{row['ms']:>13.0f}{row['speedup']:>9.2f}"
            f"{row['sent']:>9.1f}{row['memory']:>9.0f}",
            flush=True,
        )
        figures |= {case.name: row["speedup"], f"{case.name}_sent": row["sent"]}
    plain.require_same_weights(PLAIN.name)
    if rank == 0:
        report(figures)
    distributed.destroy_process_group()
    gc.unfreeze()


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=9)
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        if options.tiny:
            work(0, store, TINY, options.rounds)
        else:
            torch.multiprocessing.spawn(work, (store, FULL, options.rounds), nprocs=PROCESSES)


if __name__ == "__main__":
    main()
