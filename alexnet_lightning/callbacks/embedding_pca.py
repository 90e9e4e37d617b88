"""The network's two embeddings of a fixed validation sample, drawn as training goes on."""

import shutil
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import WarningCache
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from alexnet_lightning.callbacks.saving import data_name, draws_here, save_figure, save_table
from alexnet_lightning.networks.inspect import evaluating
from alexnet_lightning.plots.curves import SPLITS
from alexnet_lightning.plots.embeddings import Projection, embeddings_figure, project, separability
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.onlookers import Onlooker
from alexnet_lightning.training.tracking import show_embedding

CHUNK = 128  # images per forward pass
COLUMNS, TABLE_ROWS = ["space", "class", "pc1", "pc2"], 500


class EmbeddingPCA(Onlooker):
    """Draw the first two principal components of both embeddings of a fixed validation sample.

    Writes `figures/embeddings_epoch_012.png`, `figures/embeddings.png` (the latest) and
    `figures/embeddings.csv`; logs
    `val/<embedding>_knn5` and `val/<embedding>_silhouette` of each whole space, and the number of
    images as `val/embedded_images`, kept as `scores`. Where no images are held out the sample is of
    training images, and the names begin with `train/`.

    Args:
        every_n_epochs: draw after epoch 1, every n-th and the last; 0 is only after the last.
        count: images in the sample, at least 3.
        max_classes: classes drawn in color, the most frequent in the sample; the rest is gray.
    """

    def __init__(self, every_n_epochs: int = 10, count: int = 1000, max_classes: int = 10) -> None:
        self.every_n_epochs, self.count, self.max_classes = every_n_epochs, count, max_classes
        for name, least in (("every_n_epochs", 0), ("count", 3), ("max_classes", 1)):
            if (value := getattr(self, name)) < least:
                raise UserError(f"EmbeddingPCA.{name} is {value}: give a whole number >= {least}")
        self.scores: dict[str, float] = {}
        self._coordinates: dict[str, Tensor] = {}
        self._drawn = 0  # epochs done at the last drawing
        self._warnings = WarningCache()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only now is the checkpoint of the epoch before written; a run resumed from it starts here.
        epoch, every = trainer.current_epoch, self.every_n_epochs
        if epoch > self._drawn and every and (epoch == 1 or epoch % every == 0):
            self._look(trainer, pl_module, epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch > self._drawn:
            self._look(trainer, pl_module, trainer.current_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The latest coordinates: after a resume the axes still point the same way."""
        return {"coordinates": self._coordinates, "drawn": self._drawn}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._coordinates = state_dict["coordinates"]
        self._drawn = state_dict.get("drawn", 0)

    def _look(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        if not draws_here(trainer):
            return
        self._drawn = epoch
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        split = "val" if data.has_validation else "train"
        with isolate_rng():
            images, labels = data.sample(split, self.count)
            spaces = embed(trainer, pl_module, images)
        if len(labels) < 3 or not all(space.isfinite().all() for space in spaces.values()):
            self._warnings.warn(
                "EmbeddingPCA draws nothing: under 3 images, or embeddings that are not finite"
            )
            return
        scores = {name: separability(space, labels) for name, space in spaces.items()}
        self.scores = {
            f"{split}/{name}_{score}": value
            for name, found in scores.items()
            for score, value in found.items()
        }
        self.scores[f"{split}/embedded_images"] = len(labels)
        for logger in trainer.loggers:  # under the epoch and step of Lightning's own row
            logger.log_metrics({**self.scores, "epoch": epoch - 1}, step=trainer.global_step - 1)
        before = self._coordinates
        projections = {name: project(space, before.get(name)) for name, space in spaces.items()}
        self._coordinates = {name: found.coordinates for name, found in projections.items()}
        kind = SPLITS[split][0]
        title = f"{data_name(trainer)}: {len(labels):,} {kind} images after epoch {epoch}"
        names, shown = data.class_names, self.max_classes
        figure = embeddings_figure(projections, scores, labels, names, title, shown)
        path = save_figure(trainer, figure, f"embeddings_epoch_{epoch:03d}")
        with replacing(path.with_name("embeddings.png")) as part:
            shutil.copyfile(path, part)
        save_table(trainer, "embeddings", COLUMNS, table(projections, labels, names))
        classes = [names[label] for label in labels.tolist()]
        for logger in trainer.loggers:
            for name, found in projections.items():
                show_embedding(logger, name, found.components, classes, trainer.global_step)


def embed(trainer: Trainer, pl_module: Any, images: Tensor) -> dict[str, Tensor]:
    """Both embeddings of the images, each (N, D) float32 on the CPU, in evaluation mode."""
    precision = trainer.precision_plugin
    with evaluating(pl_module), torch.no_grad(), precision.forward_context():
        parts = [
            pl_module.embed(precision.convert_input(chunk.to(pl_module.device)))
            for chunk in images.split(CHUNK)
        ]
    return {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}


def table(
    projections: dict[str, Projection], labels: Tensor, class_names: list[str]
) -> list[list[Any]]:
    """Return the coordinates of the first images, at most 500 rows over both embeddings."""
    images = TABLE_ROWS // len(projections)
    classes = [class_names[label] for label in labels[:images].tolist()]
    return [
        [name, label, *point]
        for name, found in projections.items()
        for label, point in zip(classes, found.coordinates[:images].tolist(), strict=True)
    ]
