"""From what the YAML says to an optimiser and a schedule."""

from functools import partial
from typing import Any, Literal

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable, ReduceLROnPlateau
from torch import nn
from torch.optim import Optimizer

Interval = Literal["epoch", "step"]


def build_optimizer(
    make: OptimizerCallable, module: nn.Module, bias_lr_factor: float, decay_biases: bool
) -> Optimizer:
    """Return the optimiser over two groups: weights, then biases and the scales of norms.

    Args:
        make: takes parameter groups, returns an optimiser.
        module: whose trainable parameters are optimised.
        bias_lr_factor: learning rate of the second group over that of the first.
        decay_biases: whether weight decay reaches the second group.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    defaults = make(parameters).defaults
    biases: dict[str, Any] = {"params": [p for p in parameters if p.ndim <= 1]}
    if bias_lr_factor != 1.0:
        biases["lr"] = defaults["lr"] * bias_lr_factor
    if not decay_biases:
        biases["weight_decay"] = 0.0
    groups = [{"params": [p for p in parameters if p.ndim > 1]}, biases]
    # One kernel for all parameters instead of several for each; where the YAML decides, it does.
    fused: dict[str, Any] = {"fused": True} if defaults.get("fused", False) is None else {}
    return make([group for group in groups if group["params"]], **fused)


def build_schedule(
    make: LRSchedulerCallable, optimizer: Optimizer, interval: Interval, trainer: Trainer
) -> dict[str, Any]:
    """Return Lightning's description of a learning-rate schedule."""
    if needs_total_steps(make):
        budget: dict[str, Any] = {"total_steps": trainer.estimated_stepping_batches}
        return {"scheduler": make(optimizer, **budget), "interval": "step"}
    scheduler = make(optimizer)
    if not isinstance(scheduler, ReduceLROnPlateau):
        return {"scheduler": scheduler, "interval": interval}
    # A plateau that steps by epoch does so after the checkpoint is written, which then holds the
    # scheduler of one epoch earlier; stepping on an epoch's last batch comes just before it.
    trainer.fit_loop.setup_data()
    return {
        "scheduler": scheduler,
        "monitor": scheduler.monitor,
        "interval": "step",
        "frequency": trainer.num_training_batches,
    }


def needs_total_steps(make: LRSchedulerCallable) -> bool:
    """Tell whether a schedule from the YAML left open how many steps it has, as OneCycleLR does."""
    arguments = make.keywords if isinstance(make, partial) else {}
    return "total_steps" in arguments and not any(
        arguments.get(name) for name in ("total_steps", "epochs", "steps_per_epoch")
    )
