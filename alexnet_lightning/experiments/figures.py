"""The figures of a report: curves with a band over the seeds, and error against time."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from alexnet_lightning.atomic import replacing
from alexnet_lightning.callbacks.figures import COLOURS, DPI, MARKERS, new_figure
from alexnet_lightning.experiments.evidence import Evidence
from alexnet_lightning.experiments.plan import Study
from alexnet_lightning.experiments.tables import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {"train/loss": "training loss (nats)", "val/top1": "validation top-1 error (%)"}


def draw_curves(study: Study, evidence: Evidence, path: Path) -> None:
    """Write training loss and validation error by epoch: mean over seeds, band from min to max."""
    with new_figure(9, 4.6) as figure:
        panels = figure.subplots(1, 2)
        for axes, (metric, unit) in zip(panels, PANELS.items(), strict=True):
            for place, name in enumerate(study.variants):
                plot_band(axes, study, evidence, name, metric, place)
            axes.set(xlabel="epoch", ylabel=unit)
            whole_numbers(axes)
        if study.chance is not None:
            level = 100 * (1 - study.chance)
            panels[1].axhline(level, color="#555555", ls="--", lw=1, label="one answer for all")
        handles, labels = panels[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        save(figure, path)


def draw_time(study: Study, evidence: Evidence, path: Path) -> None:
    """Write validation error against seconds of training, and the test error at the end."""
    with new_figure(7, 4.6) as figure:
        axes = figure.subplots()
        for place, name in enumerate(study.variants):
            plot_time(axes, study, evidence, name, place)
        axes.set(xlabel="seconds of training", ylabel="top-1 error (%): validation –, test ★")
        axes.set_xlim(left=0)
        figure.legend(loc="outside lower center", ncols=3)
        save(figure, path)


def plot_band(
    axes: Axes, study: Study, evidence: Evidence, variant: str, metric: str, place: int
) -> None:
    """Plot one variant's mean, and a band where there are several seeds."""
    points = over_seeds(evidence, variant, metric)
    if not points:
        return
    epochs, colour = list(points), COLOURS[place % len(COLOURS)]
    low, high = ([pick(values) for values in points.values()] for pick in (min, max))
    axes.fill_between(epochs, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(
        epochs,
        [fmean(values) for values in points.values()],
        color=colour,
        marker=MARKERS[place % len(MARKERS)] if len(epochs) <= 30 else None,
        markersize=4,
        label=label(study, variant),
    )


def over_seeds(evidence: Evidence, variant: str, metric: str) -> dict[int, list[float]]:
    """Return the values of all seeds by epoch; accuracies as errors in per cent."""
    points: dict[int, list[float]] = {}
    for seed in evidence.by_seed(variant, "seconds"):
        for epoch, value in evidence.curve(variant, seed, metric).items():
            points.setdefault(epoch, []).append(100 * (1 - value) if "/top" in metric else value)
    return dict(sorted(points.items()))


def plot_time(axes: Axes, study: Study, evidence: Evidence, variant: str, place: int) -> None:
    """Plot one variant's mean validation error over mean seconds, and its mean test error."""
    points = over_seeds(evidence, variant, "val/top1")
    seconds = evidence.by_seed(variant, "seconds").values()
    epochs = evidence.by_seed(variant, "epochs").values()
    tested = evidence.by_seed(variant, "test/top1").values()
    if not (points and epochs):
        return
    each = fmean(seconds) / fmean(epochs)
    colour = COLOURS[place % len(COLOURS)]
    axes.plot(
        [epoch * each for epoch in points],
        [fmean(values) for values in points.values()],
        color=colour,
        marker=MARKERS[place % len(MARKERS)],
        markersize=4,
        label=label(study, variant),
    )
    if tested:
        axes.plot(fmean(seconds), 100 * (1 - fmean(tested)), "*", color=colour, markersize=12)


def whole_numbers(axes: Axes) -> None:
    """Let the horizontal axis count epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def save(figure: Figure, path: Path) -> None:
    """Write a figure under its name at once."""
    with replacing(path) as part:
        figure.savefig(part, dpi=DPI)
