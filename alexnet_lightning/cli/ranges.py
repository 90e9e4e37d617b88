"""Flags that are out of range alone, or that a run decides by itself."""

from math import inf
from pathlib import PurePath
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Timer

from alexnet_lightning.system.errors import UserError

SEEDS = 2**32  # numpy's generator takes as many
FRACTION, POSITIVE_FRACTION = (
    f"a fraction {least} to 1, or a number of batches" for least in ("from 0", "above 0")
)
RANGES = {  # the least number that a flag of the Trainer takes, and all that it takes in words
    "accumulate_grad_batches": (1, "a number >= 1"),
    "log_every_n_steps": (0, "a number >= 0; 0 logs once an epoch"),
    "gradient_clip_val": (0, "a number >= 0; 0 clips nothing"),
    "max_epochs": (-1, "a number >= -1; -1 sets no limit"),
    "max_steps": (-1, "a number >= -1; -1 sets no limit"),
    "min_epochs": (0, "a number >= 0"),
    "min_steps": (0, "a number >= 0"),
    "check_val_every_n_epoch": (1, "a number >= 1"),
    "num_sanity_val_steps": (-1, "a number >= -1; -1 takes all batches"),
    "reload_dataloaders_every_n_epochs": (0, "a number >= 0"),
    "val_check_interval": (1e-9, POSITIVE_FRACTION),
    "limit_train_batches": (1e-9, POSITIVE_FRACTION),
    "limit_val_batches": (0, FRACTION),
    "limit_test_batches": (0, FRACTION),
}
OURS = {  # what a run's own checkpoints would lose by a key of `checkpoint`, and what is meant
    "dirpath": "checkpoints lie in the run folder; --runs_dir says where that goes",
    "save_last": "last.ckpt is always kept, see --recovery.keep; leave it out",
    "save_on_exception": "last.ckpt is kept then, see --recovery; leave it out",
    "every_n_train_steps": "a best checkpoint needs a validation; give --trainer.val_check_interval"
    ", or --recovery.every_n_steps to resume from",
    "train_time_interval": "a best checkpoint needs a validation; give "
    "--trainer.val_check_interval, or --recovery.every_n_minutes to resume from",
}


def check_name(name: str | None) -> None:
    """Refuse a name of the run that leads out of the folder of all runs, or is none."""
    if name is None:
        return
    path = PurePath(name)
    printed = name.isprintable() and name.strip()
    if not (printed and path.parts) or path.is_absolute() or ".." in path.parts:
        raise UserError(f"name is {name!r}: give the name of a folder in runs_dir")


def check_seed(seed: Any) -> None:
    """Refuse a seed that not every generator takes; true and false are no seeds."""
    if isinstance(seed, bool) or not 0 <= seed < SEEDS:
        raise UserError(
            f"seed_everything is {str(seed).lower()}: give a whole number from 0 to {SEEDS - 1}"
        )


def check_ranges(trainer: Any) -> None:
    """Refuse numbers of the Trainer's that are out of range, and flags that have no effect here."""
    for key, (least, allowed) in RANGES.items():
        value = trainer.get(key)
        if not isinstance(value, int | float):  # null, or text, such as a time
            continue
        broken = "fraction" in allowed and value > 1 and value % 1 != 0
        if broken or not least <= value < inf:
            raise UserError(f"trainer.{key} is {value}: give {allowed}")
    try:
        Timer(trainer.max_time)
    except (MisconfigurationException, TypeError):
        raise UserError(
            f"trainer.max_time is {trainer.max_time}: give days, hours, minutes and seconds, as "
            "00:02:00:00"
        ) from None
    if trainer.enable_checkpointing is False:
        raise UserError(
            "trainer.enable_checkpointing is false, but a run is tested and resumed from its "
            "checkpoints; leave it out, or try with --trainer.fast_dev_run true"
        )
    if trainer.overfit_batches:
        # Lightning would replace our sampler of batches by its own of single images.
        raise UserError("trainer.overfit_batches: use trainer.limit_train_batches instead")


def check_checkpoint(given: Any) -> None:
    """Refuse an option of ModelCheckpoint that a run decides by itself."""
    for name, reason in OURS.items():
        if given[name]:
            raise UserError(f"checkpoint.{name} is {given[name]}: {reason}")
    stem = str(given.filename)
    if stem.startswith("last") or "/" in stem:
        raise UserError(
            f"checkpoint.filename is {stem}: give a name without / that does not begin with last"
        )
