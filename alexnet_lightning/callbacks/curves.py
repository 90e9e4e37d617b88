"""Loss and accuracy by epoch, drawn from the run's own metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from alexnet_lightning.plots.style import COLOURS, draws_here, new_figure, save_figure
from alexnet_lightning.training.metrics_csv import MetricsCSV

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"train": (COLOURS[0], "o"), "val": (COLOURS[2], "s")}
Rows = list[dict[str, float]]


class LearningCurves(Callback):
    """Write `figures/loss.png` and `figures/accuracy.png` when fit ends, also when broken off.

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
        best = best_epoch(trainer, rows)
        draw_curves(trainer, rows, best, "loss", ["loss"], "cross-entropy (nats)")
        draw_curves(trainer, rows, best, "accuracy", top_metrics(rows), "accuracy (%)")


def by_epoch(rows: Rows, key: str) -> dict[int, float]:
    """The last value of a metric in each epoch; epochs count from 1."""
    return {int(row["epoch"]) + 1: row[key] for row in rows if key in row and "epoch" in row}


def top_metrics(rows: Rows) -> list[str]:
    """`["top1", "top5"]`, or whichever top-k accuracies were logged, by rising k."""
    found = {
        match[1] for row in rows for key in row if (match := re.fullmatch(r"val/(top\d+)", key))
    }
    return sorted(found, key=lambda name: int(name.removeprefix("top")))


def best_epoch(trainer: Trainer, rows: Rows) -> tuple[int, str] | None:
    """The first epoch (from 1) with the best monitored value, and the name of what is monitored."""
    checkpoint = trainer.checkpoint_callback
    if not isinstance(checkpoint, ModelCheckpoint) or checkpoint.monitor is None:
        return None
    values = by_epoch(rows, checkpoint.monitor)
    finite = {epoch: value for epoch, value in values.items() if math.isfinite(value)}
    if not finite:
        return None
    pick = min if checkpoint.mode == "min" else max
    return pick(finite, key=finite.__getitem__), checkpoint.monitor


def draw_curves(
    trainer: Trainer,
    rows: Rows,
    best: tuple[int, str] | None,
    name: str,
    metrics: Iterable[str],
    unit: str,
) -> None:
    """Save `figures/<name>.png`: each metric for train and val; nothing if none was logged."""
    from matplotlib.ticker import MaxNLocator

    with new_figure(7, 4.2) as figure:
        axes = figure.subplots()
        for metric, line in zip(metrics, ("-", "--", ":", "-."), strict=False):
            plot_metric(axes, rows, metric, line)
        if not axes.lines:
            return
        if best:
            label = f"best epoch: {best[0]} ({best[1]})"
            axes.axvline(best[0], color="#555555", linestyle="--", lw=1.2, zorder=1, label=label)
        axes.set(xlabel="epoch", ylabel=unit, xlim=(0.5, axes.dataLim.x1 + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        figure.legend(loc="outside upper center", ncols=3)
        save_figure(trainer, figure, name)


def plot_metric(axes: Axes, rows: Rows, metric: str, line: str) -> None:
    """One metric for train and val, with markers where epochs are few enough to tell apart."""
    percent = metric != "loss"
    for split, (colour, marker) in LOOKS.items():
        values = by_epoch(rows, f"{split}/{metric}")
        if values:
            axes.plot(
                list(values),
                [100 * value if percent else value for value in values.values()],
                line,
                color=colour,
                marker=marker if len(values) <= 30 else None,
                markersize=5,
                label=f"{split} {metric.replace('top', 'top-')}",
            )
