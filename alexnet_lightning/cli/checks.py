"""What no single part of a configuration can see: where its parts contradict each other."""

import warnings
from collections.abc import Sequence
from copy import deepcopy
from inspect import signature
from math import inf
from pydoc import locate
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import (
    BaseFinetuning,
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
from alexnet_lightning.training.tracking import say

LINKED = ("num_classes", "in_channels", "image_size")  # the data says, the model gets
SEEDS = 2**32  # numpy's generator takes as many


class Range(NamedTuple):
    """Numbers that a flag of the Trainer takes, null aside: from `least` on.

    With `part`, fractions from 0 to 1 and whole numbers above; only then are fractions meant.
    """

    least: float = 0
    part: bool = False
    words: str = ""  # what else there is to say of it

    def has(self, value: Any) -> bool:
        """Tell whether a value is one of them; text, such as a time, is left to Lightning."""
        if value is None or not isinstance(value, int | float):
            return True
        if not self.least <= value < inf:
            return False
        return not self.part or value <= 1 or value == int(value)

    def __str__(self) -> str:
        numbers = f"a number >= {self.least}"
        if self.part:
            numbers = f"a fraction {'from 0' if self.least == 0 else 'above 0'} to 1, or a number"
        return numbers + self.words


RANGES = {
    "accumulate_grad_batches": Range(1),
    "log_every_n_steps": Range(0, words="; 0 logs once an epoch"),
    "gradient_clip_val": Range(0, words="; 0 clips nothing"),
    "max_epochs": Range(-1, words="; -1 sets no limit"),
    "max_steps": Range(-1, words="; -1 sets no limit"),
    "min_epochs": Range(0),
    "min_steps": Range(0),
    "check_val_every_n_epoch": Range(1),
    "num_sanity_val_steps": Range(-1, words="; -1 takes all batches"),
    "reload_dataloaders_every_n_epochs": Range(0),
    "val_check_interval": Range(1e-9, part=True, words=" of batches"),
    "limit_train_batches": Range(1e-9, part=True, words=" of batches"),
    "limit_val_batches": Range(0, part=True, words=" of batches"),
    "limit_test_batches": Range(0, part=True, words=" of batches"),
}


def check_seed(seed: Any) -> None:
    """Refuse a seed that not every generator takes; true and false are no seeds."""
    if isinstance(seed, bool) or not 0 <= seed < SEEDS:
        raise UserError(
            f"seed_everything is {str(seed).lower()}: give a whole number from 0 to {SEEDS - 1}"
        )


def check_ranges(trainer: Any) -> None:
    """Refuse numbers of the Trainer's that are out of range, and flags that have no effect here."""
    for key, numbers in RANGES.items():
        if not numbers.has(trainer.get(key)):
            raise UserError(f"trainer.{key} is {trainer[key]}: give {numbers}")
    if trainer.enable_checkpointing is False:
        raise UserError(
            "trainer.enable_checkpointing is false, but a run is tested and resumed from its "
            "checkpoints; leave it out, or try with --trainer.fast_dev_run true"
        )
    if trainer.overfit_batches:
        # Lightning would replace our sampler of batches by its own of single images.
        raise UserError("trainer.overfit_batches: use trainer.limit_train_batches instead")


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
    if str(given.monitor).endswith("loss") and given.mode == "max":
        raise UserError(
            f"checkpoint.mode is max, so that the best would have the highest {given.monitor}; "
            "give --checkpoint.mode min"
        )
    stem = str(given.filename)
    if stem.startswith("last") or "/" in stem:
        raise UserError(
            f"checkpoint.filename is {stem}: give a name without / that does not begin with last"
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


def check_callbacks(callbacks: Sequence[Any], model: ImageClassifier) -> None:
    """Refuse Lightning's callbacks that a run of this project cannot have, and say why."""
    for callback in callbacks:
        name = f"trainer.callbacks: {type(callback).__name__}"
        if isinstance(callback, OnExceptionCheckpoint):
            raise UserError(
                f"{name} would make Lightning begin every run with its file; leave it out, for "
                "checkpoints/last.ckpt is written on an exception as well"
            )
        if isinstance(callback, BaseFinetuning) and model.backbone_lr_factor != 1.0:
            raise UserError(f"{name} sets the rate of the backbone; leave out backbone_lr_factor")
        if isinstance(callback, ModelPruning):
            raise UserError(
                f"{name} prunes after the validation of an epoch, so that no figure would be of "
                "the weights that are kept; prune a trained network from Python"
            )
        if isinstance(callback, StochasticWeightAveraging):
            raise UserError(
                f"{name} averages weights that no checkpoint gets; take "
                "--config configs/overlays/ema.yaml, or WeightAveraging"
            )


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
    """Refuse to wait for a figure that is not logged, or not as often as needed."""
    trainer = config.trainer
    if data.has_validation:
        validates, needed = trainer.limit_val_batches != 0, "drop limit_val_batches 0"
    else:
        validates, needed = False, "data.val_images is 0; give more"
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
        if data.has_validation and (every != 1 or not validates):
            key = "limit_val_batches" if every == 1 else "check_val_every_n_epoch"
            raise UserError(
                "model.lr_scheduler: a plateau steps once an epoch and needs a validation each "
                f"time, but trainer.{key} is {trainer[key]}; leave it out"
            )
    for callback in callbacks:
        if isinstance(callback, EarlyStopping) and callback.monitor in validated:
            wanted = "min" if callback.monitor.endswith("loss") else "max"
            if callback.mode != wanted:
                raise UserError(
                    f"trainer.callbacks: EarlyStopping.mode is {callback.mode}, so that it would "
                    f"stop when {callback.monitor} gets better; give mode {wanted}"
                )
        if hasattr(callback, "monitor"):
            key = f"trainer.callbacks: {type(callback).__name__}.monitor"
            monitors.append((key, callback.monitor, True))
    for key, monitor, trained in monitors:
        known = [*validated, *(model.train_metrics.names if trained else [])]
        if monitor is None or (monitor.startswith("train/") and monitor in known):
            continue
        if not validates:
            null = ", or null, which takes the last epoch" if key == "checkpoint.monitor" else ""
            raise UserError(f"{key}: {monitor} needs a validation; {needed}{null}")
        if monitor not in known:
            raise UserError(f"{key}: {monitor} is never logged; give one of {', '.join(known)}")
