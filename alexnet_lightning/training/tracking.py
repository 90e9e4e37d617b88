"""What a run is tracked with: W&B unless the configuration says otherwise, and none stops it."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.rank_zero import is_rank_zero, say
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.showing import Rows as Rows
from alexnet_lightning.training.showing import finish, keep_checkpoint
from alexnet_lightning.training.showing import show_embedding as show_embedding
from alexnet_lightning.training.showing import show_figure as show_figure
from alexnet_lightning.training.showing import show_table as show_table
from alexnet_lightning.training.trackers.mlflow import mlflow_logger
from alexnet_lightning.training.trackers.tensorboard import tensorboard_logger
from alexnet_lightning.training.trackers.wandb import wandb_logger

# As people write them; csv is metrics.csv alone, which every run has.
Name = Literal[
    "wandb", "WandB", "tensorboard", "TensorBoard", "mlflow", "MLflow", "MLFlow", "csv", "CSV"
]
# The class comes first: jsonargparse gives the reason of a union's first part for all of it.
Loggers: TypeAlias = Logger | list[Logger | Name] | Name | bool | None
# By the name of the package and of the extra that brings it.
NEEDING_PACKAGES = {"tensorboard": tensorboard_logger, "mlflow": mlflow_logger}


def check_packages(given: Iterable[object]) -> None:
    """Raise a UserError for the first tracker of a list whose package is not installed."""
    for each in given:
        package = str(each).lower()
        if package in NEEDING_PACKAGES and find_spec(package) is None:
            raise UserError(
                f"trainer.logger: {each} needs a package that is not installed: "
                f"pip install 'alexnet-lightning[{package}]'"
            )


def start(
    given: Iterable[Logger | Name], run: RunFolder, config: Mapping[str, Any]
) -> list[Logger]:
    """Return the loggers of a list; those given as a name are started in the run folder."""
    found = [started(each, run, config) if isinstance(each, str) else each for each in given]
    return [logger for logger in found if logger is not None]


def started(name: Name, run: RunFolder, config: Mapping[str, Any]) -> Logger | None:
    """Start a tracker; None where there is nothing to start, or where it does not start."""
    if name.lower() == "wandb":
        return wandb_logger(run, config)
    if name.lower() == "csv" or not is_rank_zero():
        return None
    try:
        return NEEDING_PACKAGES[name.lower()](run, config)
    except Exception as error:  # whatever it is, the training does not need it
        say(f"{name} did not start ({one_line(error)}): metrics.csv has the figures")
        return None


@rank_zero_only
def close(
    loggers: Sequence[Logger], figures: Mapping[str, Any], checkpoint: Path | None = None
) -> None:
    """Put the figures of summary.json beside the curves and close all files.

    A checkpoint is logged before, with the figures as its metadata.
    """
    took = [checkpoint and keep_checkpoint(each, checkpoint, figures) for each in loggers]
    if checkpoint and all(each is False for each in took):  # None where it failed, which is said
        say(f"--log_best: there is no W&B run or MLflow run that took {checkpoint}")
    for logger in loggers:
        finish(logger, figures)
