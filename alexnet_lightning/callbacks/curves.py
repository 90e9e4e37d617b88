"""Loss and accuracy by epoch, drawn from the run's own metrics."""

import math

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

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        if trainer.state.fn == "fit":
            self._draw(trainer)

    def _draw(self, trainer: Trainer) -> None:
        loggers = [logger for logger in trainer.loggers if isinstance(logger, MetricsCSV)]
        if not loggers or not draws_here(trainer):
            return
        rows = loggers[0].rows
        loss, accuracy = ("loss", "cross-entropy (nats)"), ("accuracy", "accuracy (%)")
        best, title = best_epoch(trainer, rows), data_title(trainer)
        targets, classes = soft_targets(trainer), number_of_classes(trainer)
        guess = (math.log(classes), 100 / classes) if classes else (None, None)
        drawn = zip((loss, accuracy), (["loss"], top_metrics(rows)), guess, strict=True)
        for (name, unit), metrics, chance in drawn:
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
    words = (
        [] if targets is None or type(targets).__name__ == "OneHot" else [type(targets).__name__]
    )
    if smoothing := getattr(trainer.lightning_module, "label_smoothing", 0):
        words.append(f"label smoothing {smoothing:g}")
    return " and ".join(words)


def number_of_classes(trainer: Trainer) -> int | None:
    """Of the data set; None where it is unknown, as after a failed setup."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    return data.num_classes if getattr(data, "splits", {}) else None


def data_title(trainer: Trainer) -> str:
    """Data, splits and their sizes; nothing where they are unknown, as after a failed setup."""
    splits = getattr(trainer.datamodule, "splits", {})  # type: ignore[attr-defined]
    if not splits:
        return ""
    train, val = len(splits["train"]), len(splits["val"])
    if not val:
        return f"{data_name(trainer)}: {train:,} training images, no validation"
    return f"{data_name(trainer)}: {train:,} training, {val:,} validation images"
