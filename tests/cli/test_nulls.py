"""Null where an argument may not be, and where it may."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alexnet_lightning import AlexNetBN, DigitsDataModule, ImageFolderDataModule
from alexnet_lightning.cli.nulls import takes_none


@pytest.mark.parametrize("key", ["data.batch_size", "model.width"])
def test_null_is_refused_where_there_must_be_a_value(
    key: str, quick_config: Path, mistake: Callable[..., str]
) -> None:
    said = mistake("fit", "--config", quick_config, f"--{key}", "null")
    assert said == f"{key} is null: give a value, or leave it out"


@pytest.mark.parametrize(
    ("kind", "name", "may"),
    [
        (AlexNetBN, "lr_scheduler", True),
        (AlexNetBN, "label_smoothing", False),
        (DigitsDataModule, "train_images", True),
        (ImageFolderDataModule, "batch_size", False),
        (ImageFolderDataModule, "no_such_argument", True),
    ],
)
def test_of_a_class_and_those_it_is_made_of(kind: Any, name: str, may: bool) -> None:
    assert takes_none(kind, name) == may
