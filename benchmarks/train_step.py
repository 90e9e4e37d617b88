"""What Lightning costs: its training step against a bare PyTorch loop, in turn, in one process.

Both train the same network with the same optimiser on the same batches; Lightning's side is what
`fit` runs, with metrics, metrics.csv and throughput. Last line: JSON.

    python benchmarks/train_step.py
"""

import argparse
import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.nn import functional as F
from torch.optim import Adam

from alexnet_lightning.callbacks import Throughput
from alexnet_lightning.classifier import ImageClassifier
from alexnet_lightning.command import quieten
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.metrics_csv import MetricsCSV
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.optimization import build_optimizer


class Clock(Callback):
    """Seconds from the start of the first batch to the end of the last."""

    def on_train_batch_start(self, trainer: Trainer, *_: object) -> None:
        if trainer.is_last_batch is False and trainer.global_step == 0:
            self.started = time.perf_counter()

    def on_train_batch_end(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.started


def noise(batch_size: int, steps: int) -> ImageDataModule:
    """CIFAR-10's shape without its files: what is in the images costs no time."""
    data = CIFAR10DataModule(batch_size=batch_size)
    count = batch_size * steps
    images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)
    data.splits = {"train": ImageTensors(images, torch.randint(10, (count,)))}
    data.prepare_data = lambda: None  # type: ignore[method-assign]
    return data


def lightning_seconds(model: ImageClassifier, data: ImageDataModule, folder: Path) -> float:
    """Time an epoch of `fit`."""
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
    ).fit(model, data)
    return clock.seconds


def bare_seconds(model: LightningModule, data: ImageDataModule) -> float:
    """Time the same epoch in the loop that a tutorial would write."""
    model.train()
    optimizer = build_optimizer(partial(Adam, lr=1e-3), model, 1.0, True)
    generator = torch.Generator().manual_seed(0)
    started = time.perf_counter()
    for images, labels in data._loader("train"):
        inputs = data.normalise(data.transform.augment(images, generator))
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of epochs (default: 7)")
    parser.add_argument("--steps", type=int, default=30, help="steps an epoch (default: 30)")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--width", type=float, default=0.25)
    options = parser.parse_args()
    quieten()
    torch.manual_seed(0)
    data = noise(options.batch_size, options.steps)
    model = AlexNetBN(
        num_classes=10,
        in_channels=3,
        image_size=32,
        stem="small",
        width=options.width,
        optimizer=partial(Adam, lr=1e-3),
    )
    bare_seconds(model, data)  # warms up
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            lit, bare = lightning_seconds(model, data, Path(folder)), bare_seconds(model, data)
            ratios.append(lit / bare)
            print(
                f"round {number + 1}: Lightning {1000 * lit / options.steps:.1f} ms a step, "
                f"bare {1000 * bare / options.steps:.1f} ms, ratio {ratios[-1]:.3f}"
            )
    print(json.dumps({"lightning_overhead": round(statistics.median(ratios) - 1, 4)}))


if __name__ == "__main__":
    main()
