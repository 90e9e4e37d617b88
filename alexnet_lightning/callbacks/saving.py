"""Where the figures and tables of a run are saved: its folder and W&B."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger

from alexnet_lightning.plots.style import write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(trainer: Trainer, figure: Figure, name: str) -> Path:
    """Write `<run>/figures/<name>.png` and log it to W&B as `figures/<name without epoch>`."""
    path = figures_folder(trainer) / f"{name}.png"
    write_png(figure, path)
    key = "figures/" + re.sub(r"_epoch_\d+$", "", name)
    for logger in wandb_loggers(trainer):
        logger.log_image(key, [str(path)])
    return path


def wandb_loggers(trainer: Trainer) -> list[WandbLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]


def figures_folder(trainer: Trainer) -> Path:
    """`figures/` in the run folder; made when the first file is written."""
    return Path(trainer.default_root_dir) / "figures"


def draws_here(trainer: Trainer) -> bool:
    """Rank zero does, except in a fast_dev_run."""
    return trainer.is_global_zero and not trainer.fast_dev_run  # type: ignore[attr-defined]


def data_name(trainer: Trainer) -> str:
    """The data module's class without its ending: "CIFAR10" of a `CIFAR10DataModule`."""
    return type(trainer.datamodule).__name__.removesuffix("DataModule")  # type: ignore[attr-defined]
