"""Loss and accuracy by epoch, drawn from the run's own metrics."""

import math
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from alexnet_lightning.callbacks.saving import data_name, draws_here, save_figure
from alexnet_lightning.plots.curves import Rows, by_epoch, curves_figure, top_metrics
from alexnet_lightning.training.checkpoints import BestCheckpoint
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.onlookers import Onlooker


class LearningCurves(Onlooker):
    """Write `figures/loss.png` and `figures/accuracy.png` when fit ends, also when interrupted.

    The best epoch is that of the checkpoint callback's monitor. Drawn on rank zero.
    """

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._draw(trainer)

    def on_exception(self, trainer: Trainer, *_: Any) -> None:
        if trainer.state.fn == "fit":
            self._draw(trainer)

    def _draw(self, trainer: Trainer) -> None:
        loggers = [logger for logger in trainer.loggers if isinstance(logger, MetricsCSV)]
        if not loggers or not draws_here(trainer):
            return
        rows = loggers[0].rows
        best, title, targets = best_epoch(trainer, rows), data_title(trainer), soft_targets(trainer)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        classes = data.num_classes if title else None
        for name, unit, metrics, chance in (
            ("loss", "cross-entropy (nats)", ["loss"], classes and math.log(classes)),
            ("accuracy", "accuracy (%)", top_metrics(rows), classes and 100 / classes),
        ):
            if figure := curves_figure(rows, metrics, unit, title, best, chance, targets):
                save_figure(trainer, figure, name)


def best_epoch(trainer: Trainer, rows: Rows) -> tuple[int, str] | None:
    """The first epoch (from 1) with the best monitored value, and the name of what is monitored."""
    ours = [each for each in trainer.checkpoint_callbacks if isinstance(each, BestCheckpoint)]
    monitor = ours[0].monitor if ours else None
    if monitor is None:
        return None
    values = by_epoch(rows, monitor)
    finite = {epoch: value for epoch, value in values.items() if math.isfinite(value)}
    if not finite:
        return None
    pick = min if ours[0].mode == "min" else max
    return pick(finite, key=finite.__getitem__), monitor


def soft_targets(trainer: Trainer) -> str:
    """What the training loss compares with, where not with class indices, in words."""
    targets = getattr(trainer.datamodule, "targets", None)  # type: ignore[attr-defined]
    name = type(targets).__name__
    words = [] if targets is None or name == "OneHot" else [name]
    if smoothing := getattr(trainer.lightning_module, "label_smoothing", 0):
        words.append(f"label smoothing {smoothing:g}")
    return " and ".join(words)


def data_title(trainer: Trainer) -> str:
    """Data, splits and their sizes; nothing where they are unknown, as after a failed setup."""
    splits = getattr(trainer.datamodule, "splits", {})  # type: ignore[attr-defined]
    if not splits:
        return ""
    train, val = len(splits["train"]), len(splits["val"])
    if not val:
        return f"{data_name(trainer)}: {train:,} training images, no validation"
    return f"{data_name(trainer)}: {train:,} training, {val:,} validation images"
