"""What no single part of a configuration can see: where its parts contradict each other."""

import os
import warnings
from collections.abc import Sequence
from copy import deepcopy
from inspect import signature
from pydoc import locate
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import (
    BaseFinetuning,
    BatchSizeFinder,
    EarlyStopping,
    LearningRateFinder,
    ModelPruning,
    OnExceptionCheckpoint,
    StochasticWeightAveraging,
)
from torch import nn

from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Batches
from alexnet_lightning.data.transforms.resizing import ProgressiveResize
from alexnet_lightning.networks.inspect import on_the_batch
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.module import LRSchedulerCallable
from alexnet_lightning.training.optimization import clips_mixed, needs_total_steps
from alexnet_lightning.training.rank_zero import say

LINKED = ("num_classes", "in_channels", "image_size")  # the data says, the model gets


def check_length(trainer: Any, schedule: LRSchedulerCallable | None) -> None:
    """Refuse a schedule over the whole run where nothing says how long that is."""
    if schedule is None or not needs_total_steps(schedule):
        return
    endless = trainer.max_epochs == -1 or (trainer.max_epochs is None and trainer.max_time)
    if endless and trainer.max_steps == -1:
        raise UserError(
            "model.lr_scheduler: this schedule is laid out over the run's length, and neither "
            "trainer.max_epochs nor trainer.max_steps gives one; give one of them"
            + (", trainer.max_time may end it earlier" if trainer.max_time else "")
        )


def check_batches(trainer: Trainer, data: ImageDataModule) -> None:
    """Refuse or warn of what needs more batches than the data has; its splits must be there."""
    counts: dict[Split, int] = {
        split: len(Batches(len(images), data.batch_size, world_size=trainer.world_size))
        for split, images in data.splits.items()
    }
    for split, count in counts.items():
        limit = getattr(trainer, f"limit_{split}_batches")
        if 0 < limit < 1 and int(limit * count) == 0:
            raise UserError(
                f"trainer.limit_{split}_batches is {limit}: of {count} batches that is less than "
                f"one; give a fraction >= {-(-10_000 // count) / 10_000:g}, or a number of batches"
            )
    limit, count = trainer.limit_train_batches, counts["train"]
    count = min(count, limit) if isinstance(limit, int) else int(count * limit)
    interval, steps = getattr(trainer, "val_check_interval", 1.0), trainer.accumulate_grad_batches
    if isinstance(interval, int) and trainer.check_val_every_n_epoch and interval > count:
        raise UserError(
            f"trainer.val_check_interval is {interval}: an epoch has {count} batches; give a "
            f"number from 1 to {count}, or a fraction above 0 to 1"
        )
    if steps > count:
        warnings.warn(
            f"trainer.accumulate_grad_batches is {steps}, but an epoch has {count} batches: there "
            "is one step per epoch, of these alone",
            stacklevel=1,
        )


def check_links(given: Any, data: ImageDataModule) -> None:
    """Refuse a model argument given by hand that the data contradicts; it would be replaced."""
    for name in LINKED:
        by_hand, of_data = given.get(name), getattr(data, name)
        if by_hand not in (None, of_data):
            raise UserError(
                f"model.{name}: {by_hand} contradicts the data, which has {of_data}; leave it out"
            )


def check_sizes(network: nn.Module, data: ImageDataModule) -> None:
    """Refuse images that are smaller in the first epochs where the network takes one size alone."""
    transform = data.transform
    if not isinstance(transform, ProgressiveResize):
        return
    try:
        with torch.no_grad(), on_the_batch(network):
            # Not network(images): a compiled one would be compiled again.
            network.forward(torch.zeros(2, data.in_channels, transform.size, transform.size))
    except RuntimeError as error:
        raise UserError(
            f"data.transform: the network does not take the {transform.size} px of "
            f"ProgressiveResize beside {data.image_size}; give a model with global pooling, as "
            "AlexNetModern, or a larger size"
        ) from error


def check_fused(model: ImageClassifier, trainer: Trainer) -> None:
    """Refuse an optimizer that is to be fused where Lightning clips no fused one's gradients."""
    if clips_mixed(trainer) and getattr(model.optimizer, "keywords", {}).get("fused"):
        raise UserError(
            "trainer.gradient_clip_val: Lightning cannot clip for a fused optimizer under mixed "
            "precision; leave out --model.optimizer.fused"
        )


def check_precision(model: ImageClassifier, trainer: Trainer, data: ImageDataModule) -> None:
    """Refuse a precision in which the device cannot compute the network and its gradients."""
    plugin, device = trainer.precision_plugin, trainer.strategy.root_device
    if device.type == "mps" and plugin.precision == "64-true":
        raise UserError("trainer.precision: Apple's GPUs have no 64-true; give 32-true")
    eps = getattr(model.optimizer, "keywords", {}).get("eps")
    if plugin.precision == "16-true" and isinstance(eps, float) and torch.tensor(eps).half() == 0:
        raise UserError(
            f"model.optimizer.eps is {eps}, which is 0 in 16-true, and the optimizer would divide "
            "by it; give --model.optimizer.eps 1e-4, or --trainer.precision bf16-true"
        )
    if device.type != "cpu" or plugin.precision == "32-true":
        return
    network = deepcopy(model.network)
    images = torch.zeros(2, data.in_channels, data.image_size, data.image_size)
    try:
        with plugin.forward_context():
            # Not network(images): a compiled one would be compiled again.
            network.forward(plugin.convert_input(images)).float().sum().backward()
    except RuntimeError as error:
        raise UserError(
            f"trainer.precision: torch cannot compute this network in {plugin.precision} on a "
            f"{device.type.upper()} ({one_line(error)}); give 32-true or bf16-mixed"
        ) from error


def check_processes(trainer: Trainer, callbacks: Sequence[Any]) -> None:
    """Refuse more processes than cores, and callbacks that several processes cannot have."""
    cores = os.cpu_count() or 1
    if trainer.strategy.root_device.type == "cpu" and trainer.num_devices > cores:
        raise UserError(
            f"trainer.devices is {trainer.num_devices}, and each trains on a core of its own, of "
            f"which there are {cores} here; give at most {cores}"
        )
    for callback in callbacks:
        if isinstance(callback, BaseFinetuning) and trainer.world_size > 1:
            raise UserError(
                f"trainer.callbacks: {type(callback).__name__} trains layers later that were "
                f"frozen at first, whose gradients torch does not share among {trainer.world_size} "
                "processes; give --trainer.devices 1"
            )


REFUSED = {
    BatchSizeFinder: "finds a batch size that the run's config.yaml would not have, so that it "
    "could neither be resumed nor run again; give --data.batch_size",
    OnExceptionCheckpoint: "would make Lightning begin every run with its file; leave it out, for "
    "checkpoints/last.ckpt is written on an exception as well",
    ModelPruning: "prunes after the validation of an epoch, so that no figure would be of the "
    "weights that are kept; prune a trained network from Python",
    StochasticWeightAveraging: "averages weights that no checkpoint gets; take "
    "--config configs/overlays/ema.yaml, or WeightAveraging",
}


def check_callbacks(callbacks: Sequence[Any], model: ImageClassifier) -> None:
    """Refuse Lightning's callbacks that a run of this project cannot have, and say why."""
    for callback in callbacks:
        reasons = [reason for kind, reason in REFUSED.items() if isinstance(callback, kind)]
        if isinstance(callback, BaseFinetuning) and model.backbone_lr_factor != 1.0:
            reasons.append("sets the rate of the backbone; leave out backbone_lr_factor")
        if type(callback) is BaseFinetuning:
            reasons.append("says nothing of which layers to train; give BackboneFinetuning")
        if reasons:
            raise UserError(f"trainer.callbacks: {type(callback).__name__} {reasons[0]}")


def check_rate(given: Any, callbacks: Sequence[Any]) -> None:
    """Say that OneCycleLR sets the rate by itself; refuse to search for another.

    `given` are the arguments of the model.
    """
    schedule, optimizer = given.get("lr_scheduler"), given.get("optimizer")
    top = schedule and schedule.get("init_args", {}).get("max_lr")
    if top is None or optimizer is None:
        return
    name = schedule.class_path.rpartition(".")[2]
    if any(isinstance(callback, LearningRateFinder) for callback in callbacks):
        raise UserError(
            f"trainer.callbacks: LearningRateFinder finds model.optimizer.lr, but {name} sets the "
            "rate by its max_lr; take another schedule, or leave the search out"
        )
    rate = optimizer.init_args.get("lr")
    kind: Any = locate(optimizer.class_path)
    if rate not in (signature(kind).parameters["lr"].default, top):
        say(f"model.optimizer.lr {rate} has no effect: {name} sets the rate by its max_lr, {top}")


def check_monitors(
    config: Any, callbacks: Sequence[Any], model: ImageClassifier, data: ImageDataModule
) -> None:
    """Refuse to wait for a figure that is not logged, or not as often as needed, or its worst."""
    trainer, schedule = config.trainer, config.model.init_args.get("lr_scheduler")
    if data.has_validation:
        validates, needed = trainer.limit_val_batches != 0, "drop limit_val_batches 0"
    else:
        validates, needed = False, "data.val_images is 0; give more"
    validated = model.val_metrics.names
    known = [*validated, *model.train_metrics.names]
    # What waits for a figure, for which, those that are there by then, and how it judges them.
    waiting = [("checkpoint", config.checkpoint.monitor, known, config.checkpoint.mode)]
    if schedule is not None and (
        "monitor" in schedule.get("init_args", {})
        or schedule.class_path.endswith("ReduceLROnPlateau")
    ):
        waiting.append(("model.lr_scheduler", schedule.init_args.get("monitor"), validated, None))
        every = trainer.check_val_every_n_epoch
        if data.has_validation and (every != 1 or not validates):
            key = "limit_val_batches" if every == 1 else "check_val_every_n_epoch"
            raise UserError(
                "model.lr_scheduler: a plateau steps once an epoch and needs a validation each "
                f"time, but trainer.{key} is {trainer[key]}; leave it out"
            )
    for callback in callbacks:
        if hasattr(callback, "monitor"):
            key = f"trainer.callbacks: {type(callback).__name__}"
            mode = callback.mode if isinstance(callback, EarlyStopping) else None
            waiting.append((key, callback.monitor, known, mode))
    for key, monitor, there, mode in waiting:
        if monitor is None:
            continue
        if not validates and not monitor.startswith("train/"):
            null = ", or null, which takes the last epoch" if key == "checkpoint" else ""
            raise UserError(f"{key}.monitor: {monitor} needs a validation; {needed}{null}")
        if monitor not in there:
            names = ", ".join(there)
            raise UserError(f"{key}.monitor: {monitor} is never logged; give one of {names}")
        best, other = ("min", "max") if monitor.endswith("loss") else ("max", "min")
        # The checkpoint of the lowest accuracy may be wanted.
        if mode == other and not (key == "checkpoint" and mode == "min"):
            raise UserError(
                f"{key}.mode is {mode}, so that the best {monitor} would be the worst; give {best}"
            )
