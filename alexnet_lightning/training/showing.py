"""What a logger is shown beside scalars: one function for each thing, one method for each logger.

A logger without a method of its own shows nothing more. The methods of a kind of logger are in its
file in `trackers/`.
"""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from torch import Tensor

Rows = Sequence[Sequence[Any]]


@singledispatch
def show_figure(logger: Logger, key: str, png: Path, step: int) -> None:
    """Show an image file under `key`, as it is after `step` optimizer steps."""


@singledispatch
def show_table(logger: Logger, key: str, columns: Sequence[str], rows: Rows, step: int) -> None:
    """Show a table in place of an earlier one of the same `key`."""


@singledispatch
def show_embedding(
    logger: Logger, key: str, vectors: Tensor, labels: Sequence[str], step: int
) -> None:
    """Show vectors (N, D) with the class name of each in a view that can be turned."""


@singledispatch
def keep_checkpoint(logger: Logger, path: Path, figures: Mapping[str, Any]) -> bool:
    """Keep a checkpoint of a run folder with the run; tell whether this logger can."""
    return False


@singledispatch
def finish(logger: Logger, figures: Mapping[str, Any]) -> None:
    """Show the figures of summary.json, if there are any, and close the logger's files."""
