"""What an epoch will take on this machine, told after its first batches."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from alexnet_lightning.system.progress import duration, say

SECONDS, BATCHES = 5.0, 3  # measured at least: the first batch, which warms up, is left out


class EpochEstimate(Callback):
    """Say once what an epoch and the run will take, unless the first epoch ends before.

    Args:
        smaller: file in configs/sizes/ that makes the experiment small, named on a CPU.
    """

    def __init__(self, smaller: str | None = None) -> None:
        self.smaller = smaller
        self._batches, self._began = 0, 0.0

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if self._batches < 0 or trainer.current_epoch > 0 or not trainer.is_global_zero:
            return
        self._batches += 1
        if self._batches == 1:
            self._began = time.perf_counter()
            return
        seconds = time.perf_counter() - self._began
        if self._batches <= BATCHES or seconds < SECONDS:
            return
        each = seconds / (self._batches - 1)
        self._batches = -1
        if (count := trainer.num_training_batches) == float("inf"):  # a loader without a length
            return
        line = f"an epoch will take about {duration(each * count)} here"
        if (epochs := trainer.max_epochs or 0) > 1:
            line += f", {epochs} epochs {duration(each * count * epochs)}"
        line += f", without validation ({count:,} batches)"
        if self.smaller and pl_module.device.type == "cpu":
            line += f"; for a CPU, make it small: add --config {self.smaller}"
        say(line)
