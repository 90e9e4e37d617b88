"""TensorBoard: scalars, figures, tables as text, and the embedding projector."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from alexnet_lightning.training.onlookers import forgiving
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.showing import Rows, finish, show_embedding, show_figure, show_table


def tensorboard_logger(run: RunFolder, config: Mapping[str, Any]) -> TensorBoardLogger:
    """Return the logger of `<run>/tensorboard/`; a resumed run goes on in it."""
    logger = TensorBoardLogger(run.path, name="", version="tensorboard", default_hp_metric=False)
    text = yaml.safe_dump(dict(config), sort_keys=False)
    logger.experiment.add_text("config", "".join(f"    {line}\n" for line in text.splitlines()))
    say(f"TensorBoard: tensorboard --logdir {logger.log_dir}")
    return logger


@show_figure.register(TensorBoardLogger)
@forgiving
def figure(logger: TensorBoardLogger, key: str, png: Path, step: int) -> None:
    import numpy as np
    from PIL import Image

    with Image.open(png) as image:
        pixels = np.asarray(image.convert("RGB"))
    logger.experiment.add_image(key, pixels, step, dataformats="HWC")


@show_table.register(TensorBoardLogger)
@forgiving
def table(
    logger: TensorBoardLogger, key: str, columns: Sequence[str], rows: Rows, step: int
) -> None:
    logger.experiment.add_text(key, markdown([columns, ["---"] * len(columns), *rows]), step)


@show_embedding.register(TensorBoardLogger)
@forgiving
def embedding(
    logger: TensorBoardLogger, key: str, vectors: Tensor, labels: Sequence[str], step: int
) -> None:
    names = [" ".join(label.split()) for label in labels]  # a row of a file with tabs
    logger.experiment.add_embedding(vectors, metadata=names, global_step=step, tag=key)


@finish.register(TensorBoardLogger)
@forgiving
def close(logger: TensorBoardLogger, figures: Mapping[str, Any]) -> None:
    if figures:
        rows = [["figure", "value"], ["---", "---"], *map(list, figures.items())]
        logger.experiment.add_text("summary", markdown(rows))
    logger.experiment.close()


def markdown(rows: Rows) -> str:
    """Return the rows of a Markdown table; a value that is not there is an empty cell."""
    cells = [
        ["" if cell is None else str(cell).replace("|", "\\|") for cell in row] for row in rows
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
