"""A training step of each variant against its textbook port, and Lightning's against a bare loop.

Everything is compared in turn in one process: ratios hold on a machine whose speed drifts. "Floor"
is the time of the step's multiply-adds at the rate of a large float32 matrix product, three for
each of the forward pass. Last line: JSON.

    python benchmarks/train_step.py           # all rows, some minutes
    python benchmarks/train_step.py --quick   # the rows and figures of the JSON line only
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from overhead import lightning_overhead
from textbook import textbook
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from alexnet_lightning import models
from alexnet_lightning.cli.command import quieten
from alexnet_lightning.networks.inspect import multiply_adds
from alexnet_lightning.networks.layers import LocalResponseNorm
from alexnet_lightning.training.optimization import build_optimizer

# Small rates: larger ones multiply the rounding of one step in the next.
sgd = partial(SGD, lr=1e-5, momentum=0.9, weight_decay=5e-4)
adam = partial(Adam, lr=1e-6)


class Case(NamedTuple):
    """One row: a variant at a size, and how it is optimised."""

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


def matrix_rate(size: int = 3072) -> float:
    """Multiply-adds a second of a large float32 matrix product, the best of five."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    return size**3 / min(seconds(lambda: left @ right) for _ in range(5))


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Training:
    """A network, its optimiser and one batch."""

    def __init__(self, network: nn.Module, optimizer: Optimizer, images: Tensor) -> None:
        self.network, self.optimizer, self.images = network.train(), optimizer, images
        self.labels = torch.arange(len(images)) % 10
        self.steps = 0

    def step(self) -> float:
        torch.manual_seed(self.steps)  # the same dropout on both sides
        self.steps += 1
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.network(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def compare(case: Case, rate: float, rounds: int) -> tuple[float, float]:
    """Print a case's row; return how many times as fast we are, and our share of the floor."""
    torch.manual_seed(0)
    model = getattr(models, case.variant)(
        num_classes=case.num_classes,
        in_channels=3,
        image_size=case.image_size,
        init="he",  # so that the losses move, and would differ if the maths did
        **case.arguments,
    )
    images = torch.randn(case.batch_size, 3, case.image_size, case.image_size)
    port_network = textbook(model.network)
    port = Training(port_network, case.optimizer(port_network.parameters()), images)
    ours = Training(
        model.network,
        build_optimizer(case.optimizer, model.network, 1.0, True),
        images.to(memory_format=torch.channels_last),
    )
    losses = [(port.step(), ours.step()) for _ in range(5)]
    times = [(seconds(port.step), seconds(ours.step)) for _ in range(rounds)]
    speedup = statistics.median(theirs / mine for theirs, mine in times)
    theirs, mine = (statistics.median(column) for column in zip(*times, strict=True))
    work = 3 * case.batch_size * multiply_adds(model.network, 3, case.image_size)
    share = work / rate / mine
    print(
        f"{case.variant:<20}{case.image_size:>5}{case.batch_size:>7}"
        f"{case.optimizer.func.__name__:>6}"  # type: ignore[attr-defined]
        f"{1000 * theirs:>10.0f}{1000 * mine:>10.0f}{speedup:>9.2f}{share:>9.2f}"
        f"{max(abs(a - b) / a for a, b in losses):>11.1e}",
        flush=True,
    )
    return speedup, share


def lrn_speedup(shape: tuple[int, int, int, int], rounds: int) -> float:
    """How many times as fast our LRN is as torch's, forward and backward, at a shape."""

    def passes(norm: nn.Module, maps: Tensor, upstream: Tensor) -> float:
        maps = maps.clone().requires_grad_()
        return seconds(lambda: norm(maps).backward(upstream))

    maps, upstream = torch.randn(shape), torch.randn(shape)
    last = [tensor.to(memory_format=torch.channels_last) for tensor in (maps, upstream)]
    textbooks = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    ours = LocalResponseNorm(shape[1])
    times = [(passes(textbooks, maps, upstream), passes(ours, *last)) for _ in range(rounds + 2)][
        2:
    ]
    ratio = statistics.median(theirs / mine for theirs, mine in times)
    theirs, mine = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"LRN {shape}: torch {1000 * theirs:.0f} ms, ours {1000 * mine:.0f} ms, {ratio:.1f} times"
    )
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what the JSON line holds")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of each (default: 7)")
    options = parser.parse_args()
    quieten()
    rate = matrix_rate()
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}: "
        f"{2e-9 * rate:.0f} GFLOP/s in a large float32 matrix product\n"
    )
    print(
        f"{'variant':<20}{'px':>5}{'batch':>7}{'opt.':>6}{'port ms':>10}{'ours ms':>10}"
        f"{'speedup':>9}{'of floor':>9}{'loss diff':>11}"
    )
    (fast_224, floor_224), (fast_64, _) = (compare(case, rate, options.rounds) for case in QUICK)
    for case in [] if options.quick else REST:
        compare(case, rate, options.rounds)
    shapes = ((16, 96, 55, 55), (16, 256, 27, 27))
    lrn = min(lrn_speedup(shape, options.rounds) for shape in shapes)
    overhead = lightning_overhead(2 * options.rounds)
    figures = {
        "alexnet_224_speedup": fast_224,
        "alexnet_224_floor_share": floor_224,
        "alexnet_64_speedup": fast_64,
        "lrn_speedup": lrn,
        "lightning_overhead": overhead,
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
