"""Checkpoints of all variants, and real images as files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.training.classifier import ImageClassifier


@pytest.fixture(scope="session")
def checkpoint_of() -> Callable[..., dict[str, Any]]:
    """Makes the checkpoint of a model for color images."""

    def make(model: ImageClassifier, **preprocessing: Any) -> dict[str, Any]:
        classes, size = model.hparams["num_classes"], model.hparams["image_size"]
        return {
            "variant": type(model).__name__,
            "hyper_parameters": dict(model.hparams),
            "state_dict": model.state_dict(),
            "preprocessing": {
                "class_names": [f"class {number}" for number in range(classes)],
                "channels": 3,
                "size": size,
                "resize": size,
                "crop": size,
                "mean": [0.5, 0.4, 0.3],
                "std": [0.2, 0.3, 0.25],
                "pixel_max": 1.0,
                **preprocessing,
            },
        }

    return make


@pytest.fixture(scope="session")
def digits() -> tuple[Tensor, Tensor]:
    """The test images, uint8 (300, 1, 8, 8), and their labels."""
    return DigitsDataModule().load()["test"][torch.arange(300)]


@pytest.fixture(scope="session")
def digit_files(
    digits: tuple[Tensor, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The first ten test images as files, in folders named after their classes."""
    root, files = tmp_path_factory.mktemp("digits"), []
    for number in range(10):
        folder = root / str(int(digits[1][number]))
        folder.mkdir(exist_ok=True)
        files.append(folder / f"{number}.png")
        Image.fromarray(digits[0][number, 0].numpy()).save(files[-1])
    return files
