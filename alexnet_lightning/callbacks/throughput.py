"""Images per second in training."""

import statistics
import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class Throughput(Callback):
    """Log `train/images_per_second` of each epoch: images of all processes over wall time.

    The clock runs from the start of an epoch's first batch to the end of its last, including
    loading and excluding validation.
    """

    def __init__(self) -> None:
        self._rates: list[float] = []
        self._images = 0
        self._started = self._seconds = self._paused = 0.0

    @property
    def images_per_second(self) -> float | None:
        """Median over the epochs, without the first if there are more: it warms up caches."""
        return statistics.median(self._rates[1:] or self._rates) if self._rates else None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._images = 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if self._images == 0:
            self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch and pl_module.device.type != "cpu":
            torch.accelerator.synchronize()  # the last kernels are still in the queue
        self._images += len(batch[0])
        self._seconds = time.perf_counter() - self._started

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._paused = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started += time.perf_counter() - self._paused

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._images == 0:  # a run resumed at the very end of an epoch
            return
        rate = torch.tensor(self._images / self._seconds, device=pl_module.device)
        rate = trainer.strategy.reduce(rate, reduce_op="sum")
        self._rates.append(float(rate))
        pl_module.log("train/images_per_second", rate, sync_dist=True)
