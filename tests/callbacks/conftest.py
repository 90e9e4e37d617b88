"""A tiny classifier, few images of digits and a quiet trainer."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.training.metrics_csv import MetricsCSV

SIZES = {"train": 24, "val": 30, "test": 30}


class TinyData(DigitsDataModule):
    """The first digits of each split, in batches of eight."""

    def __init__(self) -> None:
        super().__init__(batch_size=8)

    def load(self) -> dict[Split, Images]:
        splits = super().load().items()
        return {split: images.subset(torch.arange(SIZES[split])) for split, images in splits}

    def sample(self, split: Split, count: int) -> tuple[Tensor, Tensor]:
        torch.rand(1)  # a careless data set: callbacks must keep this away from training
        return super().sample(split, count)


@pytest.fixture
def data() -> TinyData:
    return TinyData()


@pytest.fixture
def model() -> AlexNetBN:
    torch.manual_seed(0)
    sgd = partial(torch.optim.SGD, lr=0.01)
    return AlexNetBN(10, 1, 8, stem="small", width=0.05, optimizer=sgd)


@pytest.fixture
def wandb_logger() -> MagicMock:
    """Keeps what a W&B logger is given; the tests of `fit` use the real one."""
    return MagicMock(spec=WandbLogger)


@pytest.fixture
def make_trainer(tmp_path: Path, wandb_logger: MagicMock) -> Callable[..., Trainer]:
    """A quiet CPU trainer of three epochs with MetricsCSV, other arguments as given."""

    def make(*callbacks: Callback, **arguments: Any) -> Trainer:
        defaults = {
            "callbacks": list(callbacks),
            "max_epochs": 3,
            "accelerator": "cpu",
            "default_root_dir": tmp_path,
            "logger": [MetricsCSV(tmp_path), wandb_logger],
            "log_every_n_steps": 1,
            "num_sanity_val_steps": 1,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "use_distributed_sampler": False,
        }
        return Trainer(**{**defaults, **arguments})

    return make


@pytest.fixture
def changes_training(
    make_trainer: Callable[..., Trainer], model: AlexNetBN, data: TinyData
) -> Callable[[Callback], bool]:
    """Train with and without a callback; tell whether weights or random numbers differ."""

    def differ(callback: Callback) -> bool:
        initial = {key: value.clone() for key, value in model.state_dict().items()}
        ends = []
        for callbacks in ([], [callback]):
            torch.manual_seed(1)
            model.load_state_dict(initial)
            make_trainer(*callbacks).fit(model, data)
            state = [value.clone() for value in model.state_dict().values()]
            ends.append([*state, torch.get_rng_state()])
        return not all(map(torch.equal, *ends))

    return differ


@pytest.fixture
def read_csv(tmp_path: Path) -> Callable[[str], list[dict[str, str]]]:
    """The rows of a CSV file in the run folder."""

    def read(name: str) -> list[dict[str, str]]:
        with (tmp_path / name).open(newline="") as file:
            return list(csv.DictReader(file))

    return read
