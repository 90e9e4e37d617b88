"""Chance in training, from numbers that a resumed run has too."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from alexnet_lightning.data.batches import mixed_seed


class StepSeed(Callback):
    """Seed torch anew before each step, from the seed, the step and the rank alone.

    So dropout draws the same in a run that was broken off, whatever else has drawn before.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        numbers = (self.seed, trainer.current_epoch, batch_idx, trainer.global_rank, 0)
        torch.manual_seed(mixed_seed(*numbers))
