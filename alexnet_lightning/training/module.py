"""LightningModule, or a plain torch module in a process that only predicts."""

from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from alexnet_lightning.system import mode

if TYPE_CHECKING or mode.may_train:
    from lightning.pytorch import LightningModule
    from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
else:
    LRSchedulerCallable = OptimizerCallable = Any

    class LightningModule(nn.Module):
        """All of Lightning's that a trained network needs."""

        hparams: ClassVar[dict[str, Any]] = {}

        def save_hyperparameters(self, **how: Any) -> None:
            """Do nothing: no checkpoint is written here."""


__all__ = ["LRSchedulerCallable", "LightningModule", "OptimizerCallable"]
