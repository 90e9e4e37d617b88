"""The network's two embeddings of a fixed validation sample, looked at as training goes on."""

from __future__ import annotations

import shutil
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from alexnet_lightning.plots.embedding_space import Projection, embed, project, separability
from alexnet_lightning.plots.style import (
    COLOURS,
    MARKERS,
    draws_here,
    new_figure,
    save_figure,
    wandb_loggers,
)
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import short

TABLE_ROWS = 500
OTHERS = "#d8d8d8"


class EmbeddingPCA(Callback):
    """Draw the first two principal components of both embeddings of a fixed validation sample.

    Writes `figures/embeddings_epoch_012.png` and `figures/embeddings.png` (the latest); logs
    `val/<tap>_knn5` and `val/<tap>_silhouette` of each whole space, kept as `scores`.

    Args:
        every_n_epochs: draw after epoch 1, every n-th and the last; 0 is only after the last.
        count: images in the sample, at least 3.
        max_classes: classes drawn in colour, the most frequent in the sample; the rest is grey.
    """

    def __init__(self, every_n_epochs: int = 10, count: int = 1000, max_classes: int = 10) -> None:
        at_least("every_n_epochs", every_n_epochs, 0)
        at_least("count", count, 3)
        at_least("max_classes", max_classes, 1)
        self.every_n_epochs = every_n_epochs
        self.count = count
        self.max_classes = max_classes
        self.scores: dict[str, float] = {}
        self._coordinates: dict[str, Tensor] = {}
        self._drawn = 0  # epochs done at the last drawing
        self._warned = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if self.every_n_epochs and (epoch == 1 or epoch % self.every_n_epochs == 0):
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
        with isolate_rng():
            images, labels = data.sample("val", self.count)
            spaces = embed(trainer, pl_module, images)
        if len(labels) < 3 or not all(space.isfinite().all() for space in spaces.values()):
            self._warn(f"nothing drawn after epoch {epoch}: under 3 images, or not finite")
            return
        self._log_scores(trainer, spaces, labels, epoch)
        projections = {
            tap: project(space, self._coordinates.get(tap)) for tap, space in spaces.items()
        }
        self._coordinates = {tap: found.coordinates for tap, found in projections.items()}
        self._draw(trainer, projections, labels, epoch)
        log_table(trainer, projections, labels, data.class_names)

    def _warn(self, message: str) -> None:
        if not self._warned:
            rank_zero_warn(f"EmbeddingPCA: {message} (said once)")
        self._warned = True

    def _log_scores(
        self, trainer: Trainer, spaces: dict[str, Tensor], labels: Tensor, epoch: int
    ) -> None:
        self.scores = {
            f"val/{tap}_{name}": score
            for tap, space in spaces.items()
            for name, score in separability(space, labels).items()
        }
        for logger in trainer.loggers:  # under the epoch and step of Lightning's own row
            logger.log_metrics({**self.scores, "epoch": epoch - 1}, step=trainer.global_step - 1)

    def _draw(
        self, trainer: Trainer, projections: dict[str, Projection], labels: Tensor, epoch: int
    ) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        shown = most_frequent(labels, self.max_classes)
        others = len(data.class_names) - len(shown)
        with new_figure(11, 5) as figure:
            for axes, (tap, found) in zip(figure.subplots(1, 2), projections.items(), strict=True):
                scatter(axes, found.coordinates, labels, shown, data.class_names)
                axes.set_title(f"{tap}: {found.dimensions:,} dimensions\n{self._score_line(tap)}")
                axes.set_xlabel(f"PC 1 ({found.explained[0]:.1%} of variance)")
                axes.set_ylabel(f"PC 2 ({found.explained[1]:.1%} of variance)")
            title = f"Embeddings of {len(labels):,} validation images after epoch {epoch}"
            if others:
                title += (
                    f"; in colour the {len(shown)} most frequent of {len(data.class_names)} classes"
                )
            figure.suptitle(title)
            handles, names = axes.get_legend_handles_labels()
            figure.legend(handles, names, loc="outside right center", markerscale=1.6)
            path = save_figure(trainer, figure, f"embeddings_epoch_{epoch:03d}")
        with replacing(path.with_name("embeddings.png")) as part:
            shutil.copyfile(path, part)

    def _score_line(self, tap: str) -> str:
        knn, silhouette = (self.scores.get(f"val/{tap}_{name}") for name in ("knn5", "silhouette"))
        parts = [] if knn is None else [f"5-NN accuracy {knn:.1%}"]
        parts += [] if silhouette is None else [f"silhouette {silhouette:.2f}"]
        return ", ".join(parts)


def at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"EmbeddingPCA.{name}: expected a whole number from {least}, got {value}")


def most_frequent(labels: Tensor, count: int) -> list[int]:
    """The `count` classes with most images, the lower label first on a tie; sorted by label."""
    images = labels.bincount()
    ranked = sorted(images.nonzero().flatten().tolist(), key=lambda label: (-images[label], label))
    return sorted(ranked[:count])


def scatter(
    axes: Any, coordinates: Tensor, labels: Tensor, shown: list[int], class_names: list[str]
) -> None:
    """Points in one colour and marker a class; those of classes not shown lie grey behind."""
    coloured = torch.isin(labels, torch.tensor(shown))
    size = 24 if coloured.sum() <= 500 else 14
    rest = coordinates[~coloured]
    if len(rest):
        axes.scatter(*rest.T.numpy(), s=8, color=OTHERS, linewidths=0, label="other classes")
    for place, label in enumerate(shown):
        axes.scatter(
            *coordinates[labels == label].T.numpy(),
            s=size,
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
            alpha=0.8,
            edgecolors="black",
            linewidths=0.25,
            label=short(class_names[label]),
        )


def log_table(
    trainer: Trainer, projections: dict[str, Projection], labels: Tensor, class_names: list[str]
) -> None:
    """The coordinates of the first images as a W&B table, at most 500 rows over both taps."""
    images = TABLE_ROWS // len(projections)
    rows = [
        [tap, class_names[label], *point]
        for tap, found in projections.items()
        for label, point in zip(
            labels[:images].tolist(), found.coordinates[:images].tolist(), strict=True
        )
    ]
    for logger in wandb_loggers(trainer):
        logger.log_table("embeddings", ["tap", "class", "pc1", "pc2"], rows)
