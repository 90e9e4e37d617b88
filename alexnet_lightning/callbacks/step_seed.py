"""Random numbers of each training step, the same in a resumed run."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from alexnet_lightning.data.batches import mixed_seed


class StepSeed(Callback):
    """Seed torch before each step, from the seed, the step and the rank alone.

    So dropout is the same after an interruption, whatever else has used random numbers before.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        numbers = (self.seed, trainer.current_epoch, batch_idx, trainer.global_rank, 0)
        torch.manual_seed(mixed_seed(*numbers))
