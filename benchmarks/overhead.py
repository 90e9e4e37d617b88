"""A training step by Lightning's Trainer against a bare PyTorch loop.

    python benchmarks/overhead.py    # two minutes

Both sides train the same network from the same weights on the same batches with the same optimizer,
in turn, for one epoch, and must end with the same weights. First at `cifar_bn_small`'s size, as
a fraction of the step; then with a network so small that its step is Python alone, in milliseconds.
Last line: JSON.
"""

import copy
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from timing import Timed, UnequalWorkError, in_turn, parse, report
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from alexnet_lightning.callbacks import Throughput
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.system.notices import quieten
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.optimization import build_optimizer

BATCH_SIZE, STEPS = 128, 30
SMALL = {"batch_size": 4, "steps": 400, "width": 0.05}
TINY = SMALL | {"steps": 3}


class Clock(Callback):
    """Seconds and steps from the start of the epoch to the end of its last step."""

    def on_train_epoch_start(self, *_: object) -> None:
        torch.manual_seed(0)  # the same dropout on both sides
        self.started, self.steps, self.seconds = time.perf_counter(), 0, 0.0

    def on_train_batch_end(self, *_: object) -> None:
        self.steps += 1
        self.seconds = time.perf_counter() - self.started


class Side:
    """A network, and images of CIFAR-10's shape; what is in the images costs no time.

    Each side has its own, since a data module that was attached to a Trainer may depend on it.
    """

    def __init__(self, model: AlexNetBN, images: Tensor, labels: Tensor, batch_size: int) -> None:
        self.model = model
        self.start = copy.deepcopy(model.state_dict())
        self.data = CIFAR10DataModule(batch_size=batch_size)
        self.data.splits = {"train": ImageTensors(images, labels)}
        self.data.prepare_data = lambda: None  # type: ignore[method-assign]

    def lightning(self, folder: Path) -> Timed:
        """Time an epoch of `fit`."""
        self.model.load_state_dict(self.start)
        clock = Clock()
        Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_val_batches=0,
            logger=MetricsCSV(folder),
            callbacks=[Throughput(), clock],
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            log_every_n_steps=10,
            use_distributed_sampler=False,
        ).fit(self.model, self.data)
        return Timed(clock.seconds, clock.steps)

    def bare(self) -> Timed:
        """Time the same epoch in the loop that a tutorial would write."""
        self.model.load_state_dict(self.start)
        self.model.train()
        optimizer = build_optimizer(partial(Adam, lr=1e-3), self.model)
        loader, steps = self.data.train_dataloader(), 0
        torch.manual_seed(0)
        started = time.perf_counter()
        for images, labels in loader:
            inputs, labels = self.data.augment(images, labels, 0, steps)
            optimizer.zero_grad()
            F.cross_entropy(self.model(inputs), labels).backward()
            optimizer.step()
            steps += 1
        return Timed(time.perf_counter() - started, steps)


def require_same_weights(lit: Side, bare: Side) -> None:
    """Raise an UnequalWorkError unless both have trained, to the same weights."""
    weights = bare.model.state_dict()
    for name, weight in lit.model.state_dict().items():
        if not torch.allclose(weight, weights[name], rtol=1e-4, atol=1e-5):
            raise UnequalWorkError(f"{name}: Lightning's differs from that of the bare loop")
    if all(torch.equal(weight, weights[name]) for name, weight in bare.start.items()):
        raise UnequalWorkError("no weight has changed")


def lightning_overhead(
    rounds: int, steps: int = STEPS, batch_size: int = BATCH_SIZE, width: float = 0.25
) -> tuple[float, float]:
    """Return the extra time of a step of `fit`: as a fraction, and in milliseconds."""
    torch.manual_seed(0)
    model: Any = AlexNetBN(
        num_classes=10,
        in_channels=3,
        image_size=32,
        stem="small",
        width=width,
        optimizer=partial(Adam, lr=1e-3),
    )
    count = batch_size * steps
    images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(10, (count,))
    lit, bare = (Side(copy.deepcopy(model), images, labels, batch_size) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        pairs = in_turn(lambda: lit.lightning(Path(folder)), bare.bare, rounds)
    require_same_weights(lit, bare)
    slow, fast = (1000 * value / steps for value in pairs.medians)
    print(f"Lightning {slow:.2f} ms per step, bare loop {fast:.2f} ms, ratio {pairs.ratio:.3f}")
    extra = [1000 * (one - two) / steps for one, two in zip(pairs.base, pairs.ours, strict=True)]
    return pairs.ratio - 1, median(extra)


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=14)
    quieten()
    fraction, _ = lightning_overhead(options.rounds, **(TINY if options.tiny else {}))
    small = TINY if options.tiny else SMALL
    torch.set_num_threads(1)  # several would wait for each other
    _, milliseconds = lightning_overhead(max(1, options.rounds // 2), **small)
    report({"lightning_overhead": fraction, "lightning_milliseconds": milliseconds})


if __name__ == "__main__":
    main()
