"""What no single part of a configuration can see: where its parts contradict each other."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.transforms.resizing import ProgressiveResize
from alexnet_lightning.networks.inspect import on_the_batch
from alexnet_lightning.system.errors import UserError

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


def check_monitors(config: Any, callbacks: Sequence[Any], known: Sequence[str]) -> None:
    """Refuse to wait for a figure that is not `known`, or not logged as often as needed."""
    trainer = config.trainer
    schedule = config.model.init_args.get("lr_scheduler")
    monitors = {"checkpoint.monitor": config.checkpoint.monitor}
    if schedule is not None and "monitor" in schedule.get("init_args", {}):
        monitors["model.lr_scheduler.monitor"] = schedule.init_args.monitor
        every = trainer.check_val_every_n_epoch
        if every != 1 or trainer.limit_val_batches == 0:
            raise UserError(
                "model.lr_scheduler: a plateau steps once an epoch and needs a validation each "
                f"time, but trainer.check_val_every_n_epoch is {every} and "
                f"trainer.limit_val_batches {trainer.limit_val_batches}; validate every epoch"
            )
    for callback in callbacks:
        if hasattr(callback, "monitor"):
            monitors[f"trainer.callbacks: {type(callback).__name__}.monitor"] = callback.monitor
    for key, monitor in monitors.items():
        if monitor is not None and trainer.limit_val_batches == 0:
            raise UserError(f"{key}: {monitor} needs a validation; drop limit_val_batches 0")
        if monitor is not None and monitor not in known:
            raise UserError(f"{key}: {monitor} is never logged; give one of {', '.join(known)}")
