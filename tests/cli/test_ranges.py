"""Flags that are out of range."""

import re
from typing import Any

import pytest
from jsonargparse import Namespace

from alexnet_lightning.cli.ranges import RANGES, check_ranges, check_seed
from alexnet_lightning.system.errors import UserError

# A Trainer's flags that ask for nothing.
FREE = {**dict.fromkeys(RANGES), "enable_checkpointing": None, "overfit_batches": 0.0}
FREE["max_time"] = None


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("accumulate_grad_batches", 0, "a number >= 1"),
        ("accumulate_grad_batches", -2, "a number >= 1"),
        ("log_every_n_steps", -1, "a number >= 0; 0 logs once an epoch"),
        ("gradient_clip_val", -1.0, "a number >= 0; 0 clips nothing"),
        ("max_epochs", -2, "a number >= -1; -1 sets no limit"),
        ("max_steps", -5, "a number >= -1; -1 sets no limit"),
        ("min_epochs", -1, "a number >= 0"),
        ("check_val_every_n_epoch", 0, "a number >= 1"),
        ("num_sanity_val_steps", -2, "a number >= -1; -1 takes all batches"),
        ("reload_dataloaders_every_n_epochs", -1, "a number >= 0"),
        ("val_check_interval", 0, "a fraction above 0 to 1, or a number of batches"),
        ("val_check_interval", 1.5, "a fraction above 0 to 1, or a number of batches"),
        ("limit_train_batches", 0, "a fraction above 0 to 1, or a number of batches"),
        ("limit_train_batches", float("inf"), "a fraction above 0 to 1, or a number of batches"),
        ("limit_val_batches", -1, "a fraction from 0 to 1, or a number of batches"),
        ("limit_test_batches", 2.5, "a fraction from 0 to 1, or a number of batches"),
        ("enable_checkpointing", False, "leave it out, or try with --trainer.fast_dev_run true"),
        ("overfit_batches", 2, "use trainer.limit_train_batches instead"),
        ("max_time", "5", "give days, hours, minutes and seconds, as 00:02:00:00"),
        ("max_time", {"hrs": 1}, "give days, hours, minutes and seconds, as 00:02:00:00"),
    ],
)
def test_a_number_out_of_range_names_the_key_and_the_range(
    key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(UserError, match=rf"^trainer\.{key}(:| is ).*{re.escape(allowed)}$"):
        check_ranges(Namespace({**FREE, key: value}))


@pytest.mark.parametrize(
    "flags",
    [
        {"limit_val_batches": 0, "val_check_interval": "00:00:10:00", "max_epochs": -1},
        {
            "max_time": {"hours": 1},
            "limit_train_batches": 0.1,
            "val_check_interval": 7,
            "gradient_clip_val": 0,
        },
        {"limit_train_batches": 3.0, "num_sanity_val_steps": -1, "check_val_every_n_epoch": None},
    ],
)
def test_numbers_in_range_pass(flags: dict[str, Any]) -> None:
    check_ranges(Namespace({**FREE, **flags}))


@pytest.mark.parametrize("seed", [-1, 2**32, True, False])
def test_a_seed_out_of_range(seed: int) -> None:
    with pytest.raises(UserError, match=r"^seed_everything is .*: give a whole number from 0 to 4"):
        check_seed(seed)
    check_seed(2**32 - 1)
