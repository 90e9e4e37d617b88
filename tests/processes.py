"""One training for any number of processes: what they run, how it is started, what comes out.

Batches of one process with 64 images and of two with 32 hold the same images step by step: shares
are dealt out like cards. That holds where the processes divide the training images without rest.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.sets.digits import DigitsDataModule

ROOT = Path(__file__).parents[1]
MEMBERS = 2
GLOBAL_BATCH = 64
COUNTS: dict[Split, int] = {"train": 320, "val": 299, "test": 297}
TRAINING: dict[str, Any] = {
    "model": {
        "class_path": "AlexNet",
        "init_args": {
            "stem": "small",
            "width": 0.1,
            "dropout": 0.0,
            "init": "he",
            # Not Adam: it would blow up the rounding of gradients that are nearly zero.
            "optimizer": {"class_path": "SGD", "init_args": {"lr": 0.02, "momentum": 0.9}},
            # No loss is lower by so much: the rate falls with every validation.
            "lr_scheduler": {
                "class_path": "Plateau",
                "init_args": {"patience": 0, "threshold": 0.9, "factor": 0.5},
            },
        },
    },
    "data": {"class_path": "tests.processes.EvenDigits", "init_args": {"transform": "Identity"}},
    "embedding_pca": {"count": 60},
    "trainer": {
        "max_epochs": 4,
        "accelerator": "cpu",
        "log_every_n_steps": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "callbacks": [{"class_path": "tests.processes.RatesByRank"}],
    },
}


class EvenDigits(DigitsDataModule):
    """Digits whose training images two processes divide without rest, the others not."""

    def load(self) -> dict[Split, Images]:
        return {
            split: images.subset(torch.arange(COUNTS[split]))
            for split, images in super().load().items()
        }


class RatesByRank(Callback):
    """Write the learning rate of every step to `rates/<rank>` where it is started, a line each."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        folder = Path("rates")
        folder.mkdir(exist_ok=True)
        with (folder / str(trainer.global_rank)).open("a") as file:
            file.write(f"{trainer.optimizers[0].param_groups[0]['lr']}\n")


class Run(NamedTuple):
    """What a finished run has left, and what it printed."""

    folder: Path
    printed: str

    @property
    def weights(self) -> dict[str, Tensor]:
        """After the last step."""
        path = self.folder / "checkpoints" / "last.ckpt"
        weights: dict[str, Tensor] = torch.load(path, weights_only=True)["state_dict"]
        return weights

    @property
    def rows(self) -> list[dict[str, str]]:
        """Rows of metrics.csv, without the one column that is of the clock."""
        with (self.folder / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        return [{k: v for k, v in row.items() if k != "train/images_per_second"} for row in rows]

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return summary

    @property
    def rates(self) -> dict[int, list[str]]:
        """Learning rate of each step, by rank."""
        started_in = self.folder.parents[2]
        return {int(path.name): path.read_text().split() for path in started_in.glob("rates/*")}


def flags(folder: Path, members: int, *more: str) -> list[str]:
    """Return the arguments of fit for a training of `members` processes that share a batch."""
    folder.mkdir(exist_ok=True)
    config = folder / "even.yaml"
    config.write_text(yaml.safe_dump(TRAINING))
    shared = ["--trainer.devices", str(members), "--trainer.strategy", "ddp"]
    return [
        *("--config", str(config), "--runs_dir", str(folder / "runs")),
        *("--data.batch_size", str(GLOBAL_BATCH // members)),
        *(shared if members > 1 else []),
        *more,
    ]


def start(folder: Path, command: list[str], **environment: str) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own; what it prints goes to `folder`/log.txt."""
    quiet = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "log.txt").open("a") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | quiet | environment,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def finished(folder: Path, *processes: "subprocess.Popen[str]") -> Run:
    """Wait until processes have ended well; return their one run."""
    statuses = [process.wait(timeout=180) for process in processes]
    printed = (folder / "log.txt").read_text()
    assert not any(statuses), printed
    (run,) = folder.glob("runs/*/*")
    return Run(run, printed)


def trained(folder: Path, *more: str) -> Run:
    """Train in a folder with two processes, which Lightning starts."""
    fit = [sys.executable, "-m", "alexnet_lightning.fit"]
    return finished(folder, start(folder, [*fit, *flags(folder, MEMBERS, *more)]))


def assert_same_result(one: Run, other: Run) -> None:
    """Assert that two trainings of the same batches differ by no more than the order of sums."""
    weights = other.weights
    assert one.weights.keys() == weights.keys()
    for name, weight in one.weights.items():
        difference = (weight - weights[name]).abs().max().item()
        assert difference < 1e-5, (name, difference)
    for key in ("val/top1", "val/top5", "test/top1", "test/top5", "test/images", "best_epoch"):
        assert one.summary[key] == other.summary[key], key
    for key in ("val/loss", "test/loss"):
        assert abs(one.summary[key] - other.summary[key]) < 1e-5, key
