"""Where the figures and tables of a run are saved: its folder, and what it is tracked with."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch import Trainer

from alexnet_lightning.plots.style import write_png
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.training.tracking import Rows, show_figure, show_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(trainer: Trainer, figure: Figure, name: str) -> Path:
    """Write `<run>/figures/<name>.png` and show it as `figures/<name without epoch>`."""
    path = figures_folder(trainer) / f"{name}.png"
    write_png(figure, path)
    key = "figures/" + re.sub(r"_epoch_\d+$", "", name)
    for logger in trainer.loggers:
        show_figure(logger, key, path, trainer.global_step)
    return path


def save_table(trainer: Trainer, key: str, columns: Sequence[str], rows: Rows) -> None:
    """Write `<run>/figures/<last part of the key>.csv` and show the table under its key."""
    path = figures_folder(trainer) / f"{key.rpartition('/')[2]}.csv"
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    for logger in trainer.loggers:
        show_table(logger, key, columns, rows, trainer.global_step)


def figures_folder(trainer: Trainer) -> Path:
    """`figures/` in the run folder; made when the first file is written."""
    return Path(trainer.default_root_dir) / "figures"


def draws_here(trainer: Trainer) -> bool:
    """Rank zero does, except in a fast_dev_run."""
    return trainer.is_global_zero and not trainer.fast_dev_run  # type: ignore[attr-defined]


def data_name(trainer: Trainer) -> str:
    """The data module's class without its ending: "CIFAR10" of a `CIFAR10DataModule`."""
    return type(trainer.datamodule).__name__.removesuffix("DataModule")  # type: ignore[attr-defined]
