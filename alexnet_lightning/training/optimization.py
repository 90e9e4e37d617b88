"""Optimizer and schedule out of a configuration: parameter groups, rates, budgets."""

import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import did_you_mean, one_line
from alexnet_lightning.training.module import LRSchedulerCallable, OptimizerCallable

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

Interval = Literal["epoch", "step"]
MONITORS = {"min": "val/loss", "max": "val/top1"}  # of a plateau that names no figure, by its mode


def build_optimizer(
    make: OptimizerCallable,
    module: nn.Module,
    bias_lr_factor: float = 1.0,
    decay_biases: bool = True,
    backbone_lr_factor: float = 1.0,
    layer_options: Mapping[str, Mapping[str, float]] | None = None,
    one_kernel: bool = True,
) -> Optimizer:
    """Return the optimizer with named groups: "weights", whose rate is logged, and "biases".

    The backbone is every layer under a `features`; with a rate of its own it makes two more groups,
    "backbone weights" and "backbone biases". Scales of norms count as biases. Each name in
    `layer_options` makes a group of the weights below it, or of the bias that it names.

    `one_kernel` is whether the optimizer may be fused by default; the other arguments are those of
    `ImageClassifier`. UserError if the backbone's factor is not above 0, that of the biases below
    it, there is no backbone, or there are options of no layer or of less than an epoch, or that the
    optimizer does not have or refuses.
    """
    if not 0 < backbone_lr_factor < math.inf:
        raise UserError(
            f"model.backbone_lr_factor is {backbone_lr_factor}: give a number > 0, or freeze the "
            "backbone"
        )
    if not 0 <= bias_lr_factor < math.inf:
        raise UserError(f"model.bias_lr_factor is {bias_lr_factor}: give a number >= 0")
    names = ["weights", "biases", "backbone weights", "backbone biases"]
    chosen = dict(layer_options or {})
    members: dict[str, list[nn.Parameter]] = {name: [] for name in (*names, *chosen)}
    for key, parameter in module.named_parameters():
        in_backbone = backbone_lr_factor != 1.0 and "features" in key.split(".")
        is_bias = parameter.ndim <= 1 or key.endswith(".bias")
        own = [
            name
            for name in chosen
            if f".{name}." in f".{key}." and is_bias == name.endswith(".bias")
        ]
        if parameter.requires_grad:
            members[own[-1] if own else names[2 * in_backbone + is_bias]].append(parameter)
    for name in chosen:
        if not members[name]:
            raise UserError(f"model.layer_options: no weights to train below a layer named {name}")
        if (epochs := chosen[name].get("epochs", 1)) < 1:
            raise UserError(
                f"model.layer_options: epochs of {name} is {epochs}: give a number >= 1"
            )
    if backbone_lr_factor != 1.0 and not members["backbone weights"]:
        raise UserError(
            "model.backbone_lr_factor: the network has no layers to train under `features`"
        )

    groups = [
        {"params": parameters, "name": name, **chosen.get(name, {})}
        for name, parameters in members.items()
        if parameters
    ]
    optimizer = made(make, groups, one_kernel)
    for name, options in chosen.items():
        check_options(optimizer, name, options)
    for group in optimizer.param_groups:
        factor = backbone_lr_factor if group["name"].startswith("backbone") else 1.0
        is_bias = group["name"].endswith(("biases", ".bias"))
        factor *= bias_lr_factor if is_bias else 1.0
        if factor != 1.0:
            group["lr"] = group["lr"] * factor
        if "lr" in chosen.get(group["name"], {}) and optimizer.defaults["lr"]:
            factor = group["lr"] / optimizer.defaults["lr"]  # which a schedule moves as the others
        group["lr_factor"] = factor
        if is_bias and not decay_biases:
            group["weight_decay"] = 0.0
    return optimizer


def made(make: OptimizerCallable, groups: list[dict[str, Any]], one_kernel: bool) -> Optimizer:
    """Return the optimizer, fused unless the configuration decides or something forbids it."""
    kind, given = (make.func, make.keywords) if isinstance(make, partial) else (make, {})
    # The command line wraps the class, and gives all its arguments.
    if given.get("differentiable"):
        raise ValueError("differentiable is for steps within a graph, not for training; drop it")
    known = {*given, *(signature(kind).parameters if isinstance(kind, type) else ())}
    if one_kernel and "fused" in known and given.get("fused") is None:
        with suppress(RuntimeError):  # with `foreach`, or on a device that has no such kernel
            default: dict[str, Any] = {"fused": True}
            return make([dict(group) for group in groups], **default)
    return make(groups)


def check_options(optimizer: Optimizer, layer: str, options: Mapping[str, float]) -> None:
    """Raise a UserError for a layer's options that an optimizer does not have, or refuses."""
    where, kind = f"model.layer_options: {layer}", type(optimizer)
    own = {name: value for name, value in options.items() if name != "epochs"}
    for name in own:
        if name not in optimizer.defaults:  # torch would keep it, and look at it no more
            known = ", ".join(sorted(optimizer.defaults))
            near = did_you_mean(name, [*optimizer.defaults, "epochs"], f"it has {known}")
            raise UserError(f"{where}: {name} is no option of {kind.__name__}; {near}")
    accepted = signature(kind).parameters
    given = {key: value for key, value in optimizer.defaults.items() if key in accepted}
    try:
        kind([torch.zeros(1, 1)], **{**given, **own})  # torch does not check a group's options
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {one_line(error)}") from error


def clips_mixed(trainer: "Trainer") -> bool:
    """Tell whether gradients are clipped under mixed precision, where Lightning lets none fuse."""
    from lightning.pytorch.plugins import MixedPrecision

    return bool(trainer.gradient_clip_val) and isinstance(trainer.precision_plugin, MixedPrecision)


def check_step(make: OptimizerCallable) -> None:
    """Take a step on two parameters of zeros; whatever the optimizer raises if it cannot."""
    blank = nn.ParameterDict(
        {"weight": torch.zeros(1, 1, device="cpu"), "bias": torch.zeros(1, device="cpu")}
    )
    for parameter in blank.values():
        parameter.grad = torch.zeros_like(parameter)
    build_optimizer(make, blank).step(lambda: 0.0)


def check_schedule(schedule: LRScheduler | ReduceLROnPlateau) -> None:
    """Take a step that is not used; whatever the schedule raises if it cannot."""
    step: Any = schedule.step
    with warnings.catch_warnings(action="ignore"):  # the optimizer has taken none
        step(*([0.0] if isinstance(schedule, ReduceLROnPlateau) else []))


def keep_lr_factors(scheduler: Any) -> None:
    """Give each group the rate of the first, times its own factor.

    A schedule may have set them all to one rate (OneCycleLR's `max_lr`, a plateau's `min_lr`). Ours
    keep the factors, and have a course of its own for a group with `steps`.
    """
    # Not at the top: it imports Lightning, which would slow down every prediction.
    from alexnet_lightning.training.schedules import WarmupCosine

    if isinstance(scheduler, WarmupCosine):
        return
    first, *others = scheduler.optimizer.param_groups
    for group in others:
        if "lr_factor" not in group:  # BackboneFinetuning adds it, and sets its rate
            continue
        group["lr"] = first["lr"] / first["lr_factor"] * group["lr_factor"]


def build_schedule(
    make: LRSchedulerCallable, optimizer: Optimizer, interval: Interval, trainer: "Trainer"
) -> dict[str, Any]:
    """Return Lightning's description of a learning-rate schedule."""
    budget: dict[str, Any] = {}
    if needs_total_steps(make):
        budget, interval = {"total_steps": max(1, int(trainer.estimated_stepping_batches))}, "step"
        in_epoch = -(-trainer.num_training_batches // trainer.accumulate_grad_batches)
        for group in optimizer.param_groups:
            if "epochs" in group:
                group["steps"] = group["epochs"] * in_epoch
    scheduler = make(optimizer, **budget)
    keep_lr_factors(scheduler)
    if not isinstance(scheduler, ReduceLROnPlateau):
        return {"scheduler": scheduler, "interval": interval}
    # A plateau that steps by epoch does so after the checkpoint is written, which then holds the
    # scheduler of one epoch earlier; stepping on an epoch's last batch comes just before it.
    trainer.fit_loop.setup_data()
    return {
        "scheduler": scheduler,
        "monitor": getattr(scheduler, "monitor", MONITORS[scheduler.mode]),
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
