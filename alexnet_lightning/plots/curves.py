"""Loss and accuracy by epoch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from alexnet_lightning.plots.style import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPLITS = {"train": ("training", COLOURS[0], "o"), "val": ("validation", COLOURS[2], "s")}
Rows = list[dict[str, float]]


def by_epoch(rows: Rows, key: str) -> dict[int, float]:
    """The last value of a metric in each epoch; epochs count from 1."""
    return {int(row["epoch"]) + 1: row[key] for row in rows if key in row and "epoch" in row}


def top_metrics(rows: Rows) -> list[str]:
    """`["top1", "top5"]`, or whichever top-k accuracies were logged, by rising k."""
    names = {key for row in rows for key in row}
    ks = {int(found[1]) for name in names if (found := re.match(r"(?:train|val)/top(\d+)", name))}
    return [f"top{k}" for k in sorted(ks)]


def curves_figure(
    rows: Rows,
    metrics: Iterable[str],
    unit: str,
    title: str,
    best: tuple[int, str] | None = None,
    chance: float | None = None,
    targets: str = "",
    width: float = 7,
) -> Figure | None:
    """Return a figure of each metric in training and validation; None if none was logged.

    Args:
        rows: as in metrics.csv.
        metrics: "loss" or top-k accuracies; four at most.
        best: the best epoch, from 1, and the metric that it is best by.
        chance: what one guess among equally frequent classes gives, in `unit`.
        targets: what the training loss compares with, if not with class indices.
        width: of the figure in inches; 5 is readable on a phone.
    """
    with new_figure(width, 4.2) as figure:
        axes = figure.subplots()
        for metric, line in zip(metrics, ("-", "--", ":", "-."), strict=False):
            plot_metric(axes, rows, metric, line, targets)
        if not axes.lines:
            return None
        if best:
            label = f"best epoch: {best[0]} ({best[1]})"
            axes.axvline(best[0], color="#555555", linestyle="--", lw=1.2, zorder=1, label=label)
        by_epochs(axes, unit, chance, "chance" + " (top-1)" * ("accuracy" in unit))
        # Not of `dataLim`, which has no limits if no value is finite.
        lines: Any = axes.lines
        last = max(line.get_xdata()[-1] for line in lines)
        axes.set(xlim=(0.5, last + 0.5), title=title)
        figure.legend(loc="outside lower center", ncols=3 if width >= 7 else 2)
    return figure


def by_epochs(axes: Axes, unit: str, chance: float | None, label: str = "chance") -> None:
    """Name the axes, with whole epochs, and draw a line at chance."""
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel="epoch", ylabel=unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if chance is not None:
        axes.axhline(chance, color="#555555", ls=(0, (1, 3)), lw=1.2, zorder=1, label=label)


def plot_metric(axes: Axes, rows: Rows, metric: str, line: str, targets: str = "") -> None:
    """One metric in training and validation, with markers if there are at most 30 epochs.

    `targets` is what the training loss compares with, if not with class indices.
    """
    scale, name = 1 if metric == "loss" else 100, metric.replace("top", "top-")
    for split, (word, color, marker) in SPLITS.items():
        if values := by_epoch(rows, f"{split}/{metric}"):
            scaled = [scale * value for value in values.values()]
            look: Any = {"color": color, "marker": marker if len(values) <= 30 else None}
            label = f"{word} {name}"
            if targets and (split, metric) == ("train", "loss"):
                other = ": not comparable" if by_epoch(rows, "val/loss") else ""
                label += f"\n(with {targets}{other})"
            axes.plot(list(values), scaled, line, markersize=5, label=label, **look)
