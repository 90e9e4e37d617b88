"""How a figure of this project looks, and where it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger

from alexnet_lightning.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Petroff 2021, arXiv:2107.02270: ten colours that colour-blind readers tell apart.
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
MARKERS = "os^DvP<X>*"
DPI = 150


def house_style() -> Any:
    """Matplotlib rc parameters of every figure."""
    from cycler import cycler

    return {
        "font.size": 11,
        "axes.titlesize": 12,
        "axes.labelsize": 11,
        "legend.fontsize": 10,
        "legend.frameon": False,
        "figure.titlesize": 13,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.08,
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#e6e6e6",
        "text.parse_math": False,  # a class may be called "$1"
    }


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches in the house style; draw and save it inside.

    It belongs to no pyplot state, so that nothing outside (a notebook's backend) is touched.
    """
    # Imported here, as every heavy library in these callbacks: `fit --help` must not pay for it.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(house_style()):
        yield Figure(figsize=(width, height))


def save_figure(trainer: Trainer, figure: Figure, name: str) -> Path:
    """Write `<run>/figures/<name>.png` and log it to W&B as `figures/<name without epoch>`."""
    path = figures_folder(trainer) / f"{name}.png"
    with replacing(path) as part:
        figure.savefig(part, dpi=DPI)
    key = "figures/" + re.sub(r"_epoch_\d+$", "", name)
    for logger in wandb_loggers(trainer):
        logger.log_image(key, [str(path)])
    return path


def wandb_loggers(trainer: Trainer) -> list[WandbLogger]:
    """The trainer's W&B loggers, usually one or none."""
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]


def figures_folder(trainer: Trainer) -> Path:
    """`figures/` in the run folder; made when the first file is written."""
    return Path(trainer.default_root_dir) / "figures"


def draws_here(trainer: Trainer) -> bool:
    """Tell whether this process draws: rank zero does, and nobody in a fast_dev_run."""
    return trainer.is_global_zero and not trainer.fast_dev_run  # type: ignore[attr-defined]
