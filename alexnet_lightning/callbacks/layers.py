"""The network's layers: a table before training, and how much they vary across images."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng

from alexnet_lightning.networks.inspect import layer_statistics, shapes
from alexnet_lightning.networks.layer_table import in_few_lines, layer_table
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.onlookers import Onlooker


class LayerTable(Onlooker):
    """Print name, output, parameters and multiply-adds of every layer that is not elementwise.

    The data module says which images to expect, by `in_channels` and `image_size`.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # Here and not at the start of the fit, where a strategy may have split the network.
        if stage != "fit" or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        network: Any = pl_module.network
        facts = shapes(network, data.in_channels, data.image_size)
        print(layer_table(in_few_lines(facts), sum(p.numel() for p in network.parameters())))


class LayerStatistics(Onlooker):
    """Write `layer_statistics.csv`: a row per layer and step, see `networks.inspect`.

    Args:
        steps: optimizer steps after which to measure, each >= 0.
        images: training images to measure with, >= 2; the same ones each time.
    """

    def __init__(self, steps: Sequence[int] = (0, 100), images: int = 64) -> None:
        if min(steps, default=-1) < 0:
            raise UserError(f"LayerStatistics.steps is {list(steps)}: give numbers of steps >= 0")
        if images < 2:
            raise UserError(f"LayerStatistics.images is {images}: give a number >= 2")
        self.steps = frozenset(steps)
        self.images = images
        self._looked_at = -1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._look(trainer, pl_module)

    def _look(self, trainer: Trainer, pl_module: LightningModule) -> None:
        step = trainer.global_step
        if step not in self.steps or step == self._looked_at or not trainer.is_global_zero:
            return
        self._looked_at = step  # with accumulated batches a step is seen several times
        with isolate_rng():
            images, labels = trainer.datamodule.sample("train", self.images)  # type: ignore[attr-defined]
        precision, device = trainer.precision_plugin, pl_module.device
        network: Any = pl_module.network
        with precision.forward_context():
            found = layer_statistics(
                network, precision.convert_input(images.to(device)), labels.to(device)
            )
        write(Path(trainer.default_root_dir) / "layer_statistics.csv", step, found)


def write(path: Path, step: int, rows: Sequence[Sequence[Any]]) -> None:
    """Write the rows of a step, in place of earlier ones of the same or a later step."""
    earlier: list[list[str]] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            earlier = [row for row in list(csv.reader(file))[1:] if int(row[0]) < step]
    columns = ("step", "layer", "forward", "backward")
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *earlier, *((step, *row) for row in rows)])
