"""What no single part of a configuration can see: where its parts contradict each other."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import BaseFinetuning, ModelPruning, OnExceptionCheckpoint
from torch import nn

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.transforms.resizing import ProgressiveResize
from alexnet_lightning.networks.inspect import on_the_batch
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.optimization import clips_mixed

LINKED = ("num_classes", "in_channels", "image_size")  # the data says, the model gets


OURS = {  # what a run's own checkpoints would lose by a key of `checkpoint`, and what is meant
    "dirpath": "checkpoints lie in the run folder; --runs_dir says where that goes",
    "save_last": "last.ckpt is always kept, see --recovery.keep; leave it out",
    "save_on_exception": "last.ckpt is kept then, see --recovery; leave it out",
    "every_n_train_steps": "a best checkpoint needs a validation; give --trainer.val_check_interval"
    ", or --recovery.every_n_steps to resume from",
    "train_time_interval": "a best checkpoint needs a validation; give "
    "--trainer.val_check_interval, or --recovery.every_n_minutes to resume from",
}


def check_checkpoint(given: Any) -> None:
    """Refuse an option of ModelCheckpoint that a run decides by itself."""
    for name, reason in OURS.items():
        if given[name]:
            raise UserError(f"checkpoint.{name} is {given[name]}: {reason}")
    stem = str(given.filename)
    if stem.startswith("last") or "/" in stem:
        raise UserError(f"checkpoint.filename is {stem}: give a name that does not begin with last")


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


def check_callbacks(callbacks: Sequence[Any], model: ImageClassifier) -> None:
    """Refuse Lightning's callbacks that a run of this project cannot have, and say why."""
    for callback in callbacks:
        name = f"trainer.callbacks: {type(callback).__name__}"
        if isinstance(callback, OnExceptionCheckpoint):
            raise UserError(
                f"{name} would make Lightning begin every run with its file; leave it out, for "
                "checkpoints/last.ckpt is written on an exception as well"
            )
        if isinstance(callback, BaseFinetuning) and model.trunk_lr_factor != 1.0:
            raise UserError(f"{name} sets the rate of the backbone; leave out trunk_lr_factor")
        if isinstance(callback, ModelPruning) and not callback._make_pruning_permanent:
            raise UserError(
                f"{name}: its checkpoints would hold masks that no other command reads; leave out "
                "make_pruning_permanent false"
            )


def check_monitors(config: Any, callbacks: Sequence[Any], model: ImageClassifier) -> None:
    """Refuse to wait for a figure that is not logged, or not as often as needed."""
    trainer = config.trainer
    schedule = config.model.init_args.get("lr_scheduler")
    validated = model.val_metrics.names
    # Where a figure is awaited, which one, and those that are there by then.
    monitors = [("checkpoint.monitor", config.checkpoint.monitor, True)]
    if schedule is not None and (
        "monitor" in schedule.get("init_args", {})
        or schedule.class_path.endswith("ReduceLROnPlateau")
    ):
        monitors.append(("model.lr_scheduler.monitor", schedule.init_args.get("monitor"), False))
        every = trainer.check_val_every_n_epoch
        if every != 1 or trainer.limit_val_batches == 0:
            raise UserError(
                "model.lr_scheduler: a plateau steps once an epoch and needs a validation each "
                f"time, but trainer.check_val_every_n_epoch is {every} and "
                f"trainer.limit_val_batches {trainer.limit_val_batches}; validate every epoch"
            )
    for callback in callbacks:
        if hasattr(callback, "monitor"):
            key = f"trainer.callbacks: {type(callback).__name__}.monitor"
            monitors.append((key, callback.monitor, True))
    for key, monitor, trained in monitors:
        known = [*validated, *(model.train_metrics.names if trained else [])]
        if monitor is None or (monitor.startswith("train/") and monitor in known):
            continue
        if trainer.limit_val_batches == 0:
            raise UserError(f"{key}: {monitor} needs a validation; drop limit_val_batches 0")
        if monitor not in known:
            raise UserError(f"{key}: {monitor} is never logged; give one of {', '.join(known)}")
