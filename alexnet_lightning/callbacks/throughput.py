"""Images per second in training, and how fast the machine was meanwhile."""

import statistics
import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.onlookers import Onlooker


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


class MatrixRate(Onlooker):
    """Put the rate of a large float32 matrix product into summary.json, before and after training.

    `machine/gflops_before` and `machine/gflops_after` are in 10⁹ operations per second, two per
    multiply-add; the best of five products. Machines are shared: seconds of different days, or of
    different machines, are compared by it.

    Args:
        size: rows and columns of both matrices, >= 1.

    Raises:
        UserError: the size is below 1.
    """

    def __init__(self, size: int = 2048) -> None:
        if size < 1:
            raise UserError(f"MatrixRate.size is {size}: give a number >= 1")
        self.size = size
        self.figures: dict[str, float] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.figures["machine/gflops_before"] = matrix_rate(self.size, pl_module.device) / 1e9

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.figures["machine/gflops_after"] = matrix_rate(self.size, pl_module.device) / 1e9


def matrix_rate(size: int, device: torch.device | str = "cpu") -> float:
    """Return operations per second of a size × size float32 matrix product, the best of five."""
    matrix = torch.full((size, size), 1 / size, device=device)  # draws no random numbers
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        product = matrix @ matrix
        product[0, 0].item()  # waits for the device
        times.append(time.perf_counter() - begun)
    return 2 * size**3 / min(times)
