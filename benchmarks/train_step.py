"""A training step of each variant against its textbook port.

    python benchmarks/train_step.py           # all rows, several minutes
    python benchmarks/train_step.py --quick   # only the rows and figures of the JSON line

Both sides are timed in turn and must have the same losses. "speedup" is of both in one process,
with one allocator; "as run" is of a process each, where ours keeps freed memory, as `fit` does, and
the port does not. Behind each ± is half the distance between the quartiles of the rounds. "of peak"
is the time of the step's multiply-adds (three for each of the forward pass) at the measured rate of
a large float32 matrix product, over the time of our step; faster convolution algorithms can exceed
1. The JSON line, the last, also has the overhead of Lightning that `overhead.py` measures.
"""

import multiprocessing
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import overhead
import torch
from textbook import textbook
from timing import Pairs, Timed, UnequalWorkError, in_turn, parse, report, require_close, seconds
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from alexnet_lightning import models
from alexnet_lightning.callbacks.throughput import matrix_rate
from alexnet_lightning.networks.inspect import multiply_adds
from alexnet_lightning.networks.layers import LocalResponseNorm
from alexnet_lightning.system.memory import keep_freed_memory
from alexnet_lightning.system.notices import quieten
from alexnet_lightning.training.optimization import build_optimizer

# Small learning rates: larger ones amplify the rounding of one step in the next.
sgd = partial(SGD, lr=1e-5, momentum=0.9, weight_decay=5e-4)
adam = partial(Adam, lr=1e-6)
CHECKED = 5  # steps before the timed ones, which warm up
TOLERANCE = 1e-3  # relative difference of losses; rounding alone is below 1e-5 per step


class Case(NamedTuple):
    """One row: a variant, its size and its optimizer."""

    variant: str
    image_size: int
    batch_size: int
    optimizer: Callable[..., Optimizer]
    num_classes: int = 1000
    arguments: dict[str, Any] = {}  # noqa: RUF012  # never changed


QUICK = [Case("AlexNet", 224, 32, sgd), Case("AlexNet", 64, 128, sgd, 10)]
SMALL = {"stem": "small", "width": 0.25}
REST = [
    Case("AlexNet", 64, 128, adam, 10),
    Case("AlexNet2012", 224, 32, sgd),
    Case("AlexNetOWT", 224, 32, sgd),
    Case("AlexNetBN", 224, 32, sgd),
    Case("AlexNetSkip", 224, 32, sgd),
    *(
        Case(name, 32, 128, adam, 10, SMALL)
        for name in ("AlexNet", "AlexNetBN", "AlexNetBNSkip", "AlexNetSkipScaled")
    ),
    *(
        Case(name, 32, 128, adam, 10, {"width": 0.25})
        for name in ("DoubleConvAlexNet", "DoubleConvBNAlexNet")
    ),
    Case("AlexNetModern", 32, 128, adam, 10),
    Case("FourLayerNet", 32, 128, sgd, 10),
]


TINY = [
    Case("AlexNet", 64, 4, sgd, 10, {"width": 0.05}),
    Case("AlexNet2012", 32, 4, adam, 10, {"stem": "small", "width": 0.05}),
    Case("AlexNetModern", 32, 4, adam, 10, {"width": 0.1}),
]
LRN_SHAPES = ((16, 96, 55, 55), (16, 256, 27, 27))


class Training:
    """A network, its optimizer and one batch."""

    def __init__(self, network: nn.Module, optimizer: Optimizer, images: Tensor) -> None:
        self.network, self.optimizer, self.images = network.train(), optimizer, images
        self.labels = torch.arange(len(images)) % 10
        self.losses: list[float] = []

    def step(self) -> None:
        torch.manual_seed(len(self.losses))  # the same dropout on both sides
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.network(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def timed(self) -> Timed:
        return Timed(seconds(self.step), len(self.losses))


def sides(case: Case) -> tuple[Training, Training]:
    """Return the port and ours, of the same weights, with a batch of the same images."""
    torch.manual_seed(0)
    model = getattr(models, case.variant)(
        num_classes=case.num_classes,
        in_channels=3,
        image_size=case.image_size,
        init="he",  # so that the losses change, and would differ if the networks did
        **case.arguments,
    )
    images = torch.randn(case.batch_size, 3, case.image_size, case.image_size)
    port_network = textbook(model.network)
    port = Training(port_network, case.optimizer(port_network.parameters()), images)
    ours = Training(
        model.network,
        build_optimizer(case.optimizer, model.network),
        images.to(memory_format=torch.channels_last),
    )
    return port, ours


def serve_steps(side: int, threads: int, orders: Any) -> None:
    """Train one side of the cases that come, a step per order; answer with its seconds and loss."""
    quieten()
    torch.set_num_threads(threads)
    if side:
        keep_freed_memory()
    while order := orders.recv():
        if isinstance(order, Case):
            training = sides(order)[side]
        else:
            orders.send((training.timed(), training.losses[-1]))


class Apart:
    """One side in a process of its own, as a user would run it."""

    def __init__(self, side: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.orders, theirs = context.Pipe()
        args = (side, torch.get_num_threads(), theirs)
        self.process = context.Process(target=serve_steps, args=args, daemon=True)
        self.process.start()

    def take(self, case: Case) -> "Apart":
        self.losses: list[float] = []
        self.orders.send(case)
        return self

    def timed(self) -> Timed:
        self.orders.send("step")
        timed, loss = self.orders.recv()
        self.losses.append(loss)
        return timed

    def end(self) -> None:
        self.orders.send(None)
        self.process.join()


@contextmanager
def apart() -> Iterator[tuple[Apart, Apart]]:
    """Both sides, a process each."""
    both = Apart(0), Apart(1)
    try:
        yield both
    finally:
        for side in both:
            side.end()


def paired(port: Training | Apart, ours: Training | Apart, rounds: int) -> tuple[Pairs, float]:
    """Time both sides in turn; return the pairs and how far the losses differ, which is little."""
    pairs = in_turn(port.timed, ours.timed, rounds, warm_up=CHECKED)
    difference = require_close("losses", port.losses, ours.losses, TOLERANCE)
    if len(set(ours.losses)) == 1:
        raise UnequalWorkError(f"the loss never changes from {ours.losses[0]}")
    return pairs, difference


def compare(
    case: Case, rate: float, rounds: int, processes: tuple[Apart, Apart]
) -> dict[str, float]:
    """Print a case's row; return how many times as fast ours is, and its fraction of peak."""
    port, ours = sides(case)
    pairs, difference = paired(port, ours, rounds)
    as_run, _ = paired(*(process.take(case) for process in processes), rounds)
    theirs, mine = pairs.medians
    work = 3 * case.batch_size * multiply_adds(ours.network, 3, case.image_size)
    fraction = work / rate / mine
    print(
        f"{case.variant:<20}{case.image_size:>5}{case.batch_size:>7}"
        f"{case.optimizer.func.__name__:>6}"  # type: ignore[attr-defined]
        f"{1000 * theirs:>10.0f}{1000 * mine:>10.0f}{told(pairs):>13}{told(as_run):>13}"
        f"{fraction:>9.2f}{difference:>11.1e}",
        flush=True,
    )
    return {"speedup": pairs.ratio, "as_run": as_run.ratio, "floor_share": fraction}


def told(pairs: Pairs) -> str:
    """Return the ratio with half the distance between the quartiles of the rounds."""
    return f"{pairs.ratio:.2f} ± {pairs.spread:.2f}"


class Norm:
    """A normalization layer, forward and backward on the same maps at every call."""

    def __init__(self, layer: nn.Module, maps: Tensor, upstream: Tensor) -> None:
        self.layer, self.upstream = layer, upstream
        self.maps = maps.clone().requires_grad_()

    def step(self) -> None:
        self.maps.grad = None
        self.output = self.layer(self.maps)
        self.output.backward(self.upstream)

    def timed(self) -> Timed:
        return Timed(seconds(self.step), self.output.shape)


def lrn_speedup(shape: tuple[int, int, int, int], rounds: int) -> float:
    """Return how many times as fast our LRN is as torch's at a shape, forward and backward."""
    maps, upstream = torch.randn(shape), torch.randn(shape)
    last = [tensor.to(memory_format=torch.channels_last) for tensor in (maps, upstream)]
    torchs = Norm(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0), maps, upstream)
    ours = Norm(LocalResponseNorm(shape[1]), *last)
    pairs = in_turn(torchs.timed, ours.timed, rounds, warm_up=2)
    torch.testing.assert_close(ours.output, torchs.output)
    torch.testing.assert_close(ours.maps.grad, torchs.maps.grad)
    theirs, mine = (1000 * value for value in pairs.medians)
    print(f"LRN {shape}: torch {theirs:.0f} ms, ours {mine:.0f} ms, {pairs.ratio:.1f} times")
    return pairs.ratio


def main(args: Sequence[str] | None = None) -> None:
    quick = ("--quick", {"action": "store_true", "help": "only what the JSON line holds"})
    options = parse(__doc__, args, 7, quick)
    quieten()
    rounds, tiny = options.rounds, options.tiny
    rate = matrix_rate(64 if tiny else 3072) / 2  # multiply-adds
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}: "
        f"{2e-9 * rate:.0f} GFLOP/s in a large float32 matrix product\n"
    )
    print(
        f"{'variant':<20}{'px':>5}{'batch':>7}{'opt.':>6}{'port ms':>10}{'ours ms':>10}"
        f"{'speedup':>13}{'as run':>13}{'of peak':>9}{'loss diff':>11}"
    )
    cases = TINY if tiny else QUICK if options.quick else [*QUICK, *REST]
    with apart() as both:
        at_224, at_64, *_ = [compare(case, rate, rounds, both) for case in cases]
    shapes = ((2, 16, 5, 5),) if tiny else LRN_SHAPES
    lrn = min(lrn_speedup(shape, rounds) for shape in shapes)
    size = overhead.TINY if tiny else {}
    figures = {
        **{f"alexnet_224_{name}": value for name, value in at_224.items()},
        **{f"alexnet_64_{name}": value for name, value in at_64.items()},
        "lrn_speedup": lrn,
        "lightning_overhead": overhead.lightning_overhead(2 * rounds, **size)[0],
    }
    report(figures)


if __name__ == "__main__":
    main()
