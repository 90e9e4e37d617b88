"""Optimizer and schedule out of a configuration: parameter groups, rates, budgets."""

from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from torch import nn
from torch.optim import Optimizer

from alexnet_lightning.training.module import LRSchedulerCallable, OptimizerCallable

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

Interval = Literal["epoch", "step"]


def build_optimizer(
    make: OptimizerCallable,
    module: nn.Module,
    bias_lr_factor: float = 1.0,
    decay_biases: bool = True,
    trunk_lr_factor: float = 1.0,
) -> Optimizer:
    """Return the optimizer with named groups: "weights", whose rate is logged, and "biases".

    The backbone is every layer under a `features`; with a rate of its own it makes two more groups,
    "backbone weights" and "backbone biases". Scales of norms count as biases.

    The other arguments are those of `ImageClassifier`. ValueError if the backbone's factor is not
    above 0, that of the biases below it, or there is no backbone.
    """
    if trunk_lr_factor <= 0:
        raise ValueError(
            f"trunk_lr_factor is {trunk_lr_factor}: give a number > 0, or freeze the backbone"
        )
    if bias_lr_factor < 0:
        raise ValueError(f"bias_lr_factor is {bias_lr_factor}: give a number >= 0")
    names = ["weights", "biases", "backbone weights", "backbone biases"]
    members: dict[str, list[nn.Parameter]] = {name: [] for name in names}
    for key, parameter in module.named_parameters():
        in_trunk = trunk_lr_factor != 1.0 and "features" in key.split(".")
        if parameter.requires_grad:
            members[names[2 * in_trunk + (parameter.ndim <= 1)]].append(parameter)
    if trunk_lr_factor != 1.0 and not members["backbone weights"]:
        raise ValueError("trunk_lr_factor: the network has no layers to train under `features`")

    groups = [
        {"params": parameters, "name": name} for name, parameters in members.items() if parameters
    ]
    optimizer = make(groups, **fused(make))
    for group in optimizer.param_groups:
        factor = trunk_lr_factor if group["name"].startswith("backbone") else 1.0
        factor *= bias_lr_factor if group["name"].endswith("biases") else 1.0
        group["lr_factor"] = factor
        if factor != 1.0:
            group["lr"] = group["lr"] * factor
        if group["name"].endswith("biases") and not decay_biases:
            group["weight_decay"] = 0.0
    return optimizer


def fused(make: OptimizerCallable) -> dict[str, Any]:
    """Return the argument for one kernel over all parameters, unless the configuration decides."""
    kind, given = (make.func, make.keywords) if isinstance(make, partial) else (make, {})
    # The command line wraps the class, and gives all its arguments.
    known = {*given, *(signature(kind).parameters if isinstance(kind, type) else ())}
    return {"fused": True} if "fused" in known and given.get("fused") is None else {}


def keep_lr_factors(optimizer: Optimizer) -> None:
    """Give each group the rate of the first, times its own factor.

    A schedule may have set them all to one rate (OneCycleLR's `max_lr`, a plateau's `min_lr`).
    """
    first, *others = optimizer.param_groups
    for group in others:
        group["lr"] = first["lr"] / first["lr_factor"] * group["lr_factor"]


def build_schedule(
    make: LRSchedulerCallable, optimizer: Optimizer, interval: Interval, trainer: "Trainer"
) -> dict[str, Any]:
    """Return Lightning's description of a learning-rate schedule."""
    from lightning.pytorch.cli import ReduceLROnPlateau

    budget: dict[str, Any] = {}
    if needs_total_steps(make):
        budget, interval = {"total_steps": trainer.estimated_stepping_batches}, "step"
    scheduler = make(optimizer, **budget)
    keep_lr_factors(optimizer)
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


def is_finished(trainer: "Trainer") -> bool:
    """Tell whether a schedule has come to its end, after which no step is to be taken."""
    return any(
        getattr(config.scheduler, "finished", False) for config in trainer.lr_scheduler_configs
    )
