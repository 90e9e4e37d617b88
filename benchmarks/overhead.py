"""A Lightning step against a bare PyTorch loop: same network, optimiser and batches, in turn."""

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
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.optimization import build_optimizer


class Clock(Callback):
    """Seconds from the start of the first batch to the end of the last."""

    def on_train_batch_start(self, trainer: Trainer, *_: object) -> None:
        if trainer.global_step == 0:
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


def lightning_overhead(rounds: int, steps: int = 30, batch_size: int = 128) -> float:
    """Return how much longer a step of `fit` takes, as a share, at `cifar_bn_small`'s size.

    The median over `rounds` pairs of epochs of `steps` steps.
    """
    data = noise(batch_size, steps)
    model = AlexNetBN(
        num_classes=10,
        in_channels=3,
        image_size=32,
        stem="small",
        width=0.25,
        optimizer=partial(Adam, lr=1e-3),
    )
    bare_seconds(model, data)  # warms up
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            lit, bare = lightning_seconds(model, data, Path(folder)), bare_seconds(model, data)
            ratios.append(lit / bare)
            print(
                f"Lightning {1000 * lit / steps:.1f} ms a step, bare {1000 * bare / steps:.1f} ms, "
                f"ratio {ratios[-1]:.3f}"
            )
    return statistics.median(ratios) - 1
