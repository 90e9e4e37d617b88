"""Which classes the network takes for which, at test."""

from __future__ import annotations

import csv
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from alexnet_lightning.plots.style import (
    COLOURS,
    draws_here,
    figures_folder,
    new_figure,
    save_figure,
    wandb_loggers,
)
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.text import short

NUMBERED = 20  # up to so many classes the cells hold numbers
LABELS = 30  # so many class names fit along an axis


class ConfusionMatrix(Callback):
    """Write `figures/confusion.png` and `figures/per_class_accuracy.csv` of a test; W&B gets both.

    Counted on all ranks from the `logits` (N, K) and `targets` (N,) that `test_step` returns.
    """

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self._matrix = MulticlassConfusionMatrix(data.num_classes).to(pl_module.device)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._matrix.update(outputs["logits"], outputs["targets"])

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        counts = self._matrix.compute().cpu()  # on every rank: it gathers
        if not draws_here(trainer):
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        draw_confusion(trainer, counts, data.class_names)
        write_per_class(trainer, counts, data.class_names)


def write_per_class(trainer: Trainer, counts: Tensor, class_names: list[str]) -> None:
    """`per_class_accuracy.csv` and the same W&B table; a class without images has no accuracy."""
    images = counts.sum(1)
    rows = [
        [name, total, right / total if total else None]
        for name, total, right in zip(
            class_names, images.tolist(), counts.diag().tolist(), strict=True
        )
    ]
    columns = ["class", "images", "accuracy"]
    path = figures_folder(trainer) / "per_class_accuracy.csv"
    with replacing(path) as part, part.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    for logger in wandb_loggers(trainer):
        logger.log_table("test/per_class_accuracy", columns, rows)


def draw_confusion(trainer: Trainer, counts: Tensor, class_names: list[str]) -> None:
    """The matrix (K, K), each row in per cent of its true class, and the accuracy of each class."""
    classes = len(counts)
    percent = 100 * counts / counts.sum(1, keepdim=True).clamp(min=1)
    side = min(max(0.55 * classes, 3.0), 8.5)
    with new_figure(side + 4, side + 2) as figure:
        matrix, bars = figure.subplots(1, 2, sharey=True, width_ratios=[side, 1.6])
        image = matrix.imshow(percent.numpy(), cmap="Blues", vmin=0, vmax=100, aspect="auto")
        bars.barh(range(classes), percent.diag().numpy(), height=0.8, color=COLOURS[0])
        if classes <= NUMBERED:
            number_cells(matrix, percent)
            number_bars(bars, percent.diag(), counts.sum(1))
            matrix.set_title("% of each true class")
        else:
            figure.colorbar(image, ax=[matrix, bars], label="% of each true class")
        name_axes(matrix, bars, class_names)
        total, right = int(counts.sum()), int(counts.diag().sum())
        figure.suptitle(f"top-1: {right / max(total, 1):.2%} of {total:,} images")
        save_figure(trainer, figure, "confusion")


def name_axes(matrix: Any, bars: Any, class_names: list[str]) -> None:
    """Class names on both axes of the matrix; every n-th where all would not be readable."""
    step = -(-len(class_names) // LABELS)
    places = range(0, len(class_names), step)
    names = [short(class_names[place]) for place in places]
    matrix.set_xticks(places, names, rotation=90 if max(map(len, names)) > 3 else 0)
    matrix.set_yticks(places, names)
    matrix.set(xlabel="predicted class", ylabel="true class")
    matrix.grid(False)
    bars.set(xlabel="accuracy (%)", xlim=(0, 100))
    bars.grid(axis="y", visible=False)
    bars.tick_params(axis="y", left=False)


def number_cells(axes: Any, percent: Tensor) -> None:
    """Whole per cents, white on dark; a cell without images stays empty."""
    for true, predicted in percent.nonzero().tolist():
        value = float(percent[true, predicted])
        colour = "white" if value > 65 else "black"
        axes.text(predicted, true, f"{value:.0f}", ha="center", va="center", color=colour)


def number_bars(axes: Any, accuracies: Tensor, images: Tensor) -> None:
    """The accuracy in per cent at the foot of each bar."""
    for place, (value, total) in enumerate(zip(accuracies.tolist(), images.tolist(), strict=True)):
        axes.text(3, place, f"{value:.1f}" if total else "no images", va="center")
