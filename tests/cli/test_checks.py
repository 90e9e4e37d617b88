"""What the parts of a configuration say of each other."""

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from jsonargparse import Namespace
from lightning.pytorch import Trainer

from alexnet_lightning.cli.checks import check_batches, check_length, check_sizes
from alexnet_lightning.data import (
    CIFAR10DataModule,
    DigitsDataModule,
    PadCropFlip,
    ProgressiveResize,
)
from alexnet_lightning.models import AlexNet, AlexNetModern
from alexnet_lightning.system.errors import UserError


def test_smaller_images_at_first_need_a_network_that_takes_them() -> None:
    data = CIFAR10DataModule(transform=ProgressiveResize(PadCropFlip(), size=24, epochs=2))
    check_sizes(AlexNetModern(10, 3, 32, 0.25, whitening=True, size="large").network, data)
    fixed = AlexNet(10, 3, 32, stem="small", width=0.125).network
    with pytest.raises(UserError, match=r"does not take the 24 px of ProgressiveResize beside 32"):
        check_sizes(fixed, data)
    assert fixed.training
    check_sizes(fixed, CIFAR10DataModule())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"val_check_interval": 13}, "val_check_interval is 13: an epoch has 12 batches"),
        ({"val_check_interval": 4, "limit_train_batches": 3}, "is 4: an epoch has 3 batches"),
        ({"limit_train_batches": 0.01}, r"0.01: of 12 batches .* give a fraction >= 0.0834,"),
        ({"limit_test_batches": 0.3}, r"limit_test_batches is 0.3: of 3 batches .* >= 0.3334"),
    ],
)
def test_what_needs_more_batches_than_there_are(
    digits: DigitsDataModule, flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_batches(Trainer(accelerator="cpu", logger=False, **flags), digits)


def test_accumulation_over_more_than_an_epoch_is_warned_of(digits: DigitsDataModule) -> None:
    trainer = Trainer(accelerator="cpu", logger=False, accumulate_grad_batches=100)
    with pytest.warns(UserWarning, match=r"accumulate_grad_batches is 100, .* has 12 batches"):
        check_batches(trainer, digits)


@pytest.fixture(scope="module")
def digits() -> DigitsDataModule:
    """Digits in 12, 3 and 3 batches."""
    data = DigitsDataModule(batch_size=100)
    data.setup()
    return data


@pytest.mark.parametrize(
    ("limits", "known"),
    [
        ({"max_epochs": -1, "max_time": "00:00:00:20"}, False),
        ({"max_epochs": None, "max_time": "00:00:00:20"}, False),
        ({"max_epochs": -1}, False),
        ({"max_epochs": None, "max_steps": 9}, True),
        ({"max_epochs": 3, "max_time": "00:00:00:20"}, True),
        ({}, True),  # Lightning's 1,000 epochs
    ],
)
def test_a_schedule_over_the_run_needs_its_length(limits: dict[str, Any], known: bool) -> None:
    trainer = Namespace({"max_epochs": None, "max_steps": -1, "max_time": None, **limits})
    laid_out = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=None)
    check_length(trainer, partial(torch.optim.lr_scheduler.StepLR, step_size=1))
    with (
        nullcontext() if known else pytest.raises(UserError, match=r"trainer\.max_steps gives one")
    ):
        check_length(trainer, laid_out)
