"""The figures of a report: curves with a band over the seeds, and error against time."""

from __future__ import annotations

from itertools import accumulate, cycle
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from alexnet_lightning.plots.style import COLOURS, DPI, MARKERS, new_figure
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import FEW_EPOCHS, Evidence
from alexnet_lightning.studies.tables import label
from alexnet_lightning.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "train/loss": ("epoch", "training loss (nats)"),
    "val/top1": ("epoch", "validation top-1 error (%)"),
}
WIDE = 20  # largest over smallest loss that a straight axis shows
DASHES = ("--", ":", "-.")
STEP_PANEL = {"train/loss_step": ("step", "loss of a training batch (nats)")}


def draw_curves(study: Study, evidence: Evidence, path: Path) -> None:
    """Write training loss and validation error by epoch: mean over seeds, band from min to max.

    Of runs of few epochs: the loss by step.
    """
    by_step = any(row.get("step") for row in evidence.curves)
    few = by_step and all((row.get("epoch") or 0) <= FEW_EPOCHS for row in evidence.curves)
    panels = STEP_PANEL if few else PANELS
    with new_figure(9, 4.6) as figure:
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (metric, (over, unit)) in zip(every, panels.items(), strict=True):
            for place, name in enumerate(study.variants):
                plot_band(axes, study, name, over_seeds(evidence, name, metric, over), place)
            axes.set(xlabel=over, ylabel=unit)
            whole_numbers(axes)
            if "/loss" in metric and axes.dataLim.y1 > WIDE * axes.dataLim.y0 > 0:
                logarithmic(axes)  # a first epoch that blew up would flatten all others
            if "/top" in metric:
                plot_levels(axes, study)
        handles, labels = every[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        save(figure, path)


def draw_time(study: Study, evidence: Evidence, path: Path) -> None:
    """Write validation error against seconds of training, and the test error at the end."""
    with new_figure(9, 4.6) as figure:
        axes = figure.subplots()
        for place, name in enumerate(study.variants):
            plot_time(axes, study, evidence, name, place)
        axes.set(xlabel="seconds of training", ylabel="top-1 error (%): validation –, test ★")
        axes.set_xlim(left=0)
        plot_levels(axes, study)
        figure.legend(loc="outside lower center", ncols=3)
        save(figure, path)


def plot_band(
    axes: Axes, study: Study, variant: str, points: dict[int, list[float]], place: int
) -> None:
    """Plot one variant's mean, and a band where there are several seeds."""
    if not points:
        return
    colour = COLOURS[place % len(COLOURS)]
    low, high = ([pick(values) for values in points.values()] for pick in (min, max))
    axes.fill_between(list(points), low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(
        list(points),
        [fmean(values) for values in points.values()],
        color=colour,
        marker=MARKERS[place % len(MARKERS)] if len(points) <= 30 else None,
        markersize=4,
        label=label(study, variant),
    )


def over_seeds(
    evidence: Evidence, variant: str, metric: str, over: str = "epoch"
) -> dict[int, list[float]]:
    """Return the values of all seeds by epoch or step; accuracies as errors in per cent."""
    points: dict[int, list[float]] = {}
    for seed in evidence.by_seed(variant, "seconds"):
        for place, value in evidence.curve(variant, seed, metric, over).items():
            points.setdefault(place, []).append(100 * (1 - value) if "/top" in metric else value)
    return dict(sorted(points.items()))


def plot_time(axes: Axes, study: Study, evidence: Evidence, variant: str, place: int) -> None:
    """Plot one variant's mean validation error over mean seconds, and its mean test error."""
    points = over_seeds(evidence, variant, "val/top1")
    seconds = evidence.by_seed(variant, "seconds").values()
    tested = evidence.by_seed(variant, "test/top1").values()
    ends = ends_of_epochs(evidence, variant)
    if not points:
        return
    colour = COLOURS[place % len(COLOURS)]
    axes.plot(
        [fmean(ends[epoch]) for epoch in points],
        [fmean(values) for values in points.values()],
        color=colour,
        marker=MARKERS[place % len(MARKERS)],
        markersize=4,
        label=label(study, variant),
    )
    if tested:
        axes.plot(fmean(seconds), 100 * (1 - fmean(tested)), "*", color=colour, markersize=12)


def ends_of_epochs(evidence: Evidence, variant: str) -> dict[int, list[float]]:
    """Return the seconds after which an epoch ended, of all seeds, by epoch.

    Of the seconds of its run an epoch has the larger share the fewer images a second it trained;
    all have the same where a rate is missing.
    """
    ends: dict[int, list[float]] = {}
    for seed, seconds in evidence.by_seed(variant, "seconds").items():
        epochs = evidence.curve(variant, seed, "val/top1")
        rates = evidence.curve(variant, seed, "train/images_per_second")
        shares = [1 / rates[epoch] if set(epochs) <= set(rates) else 1.0 for epoch in epochs]
        for epoch, share in zip(epochs, accumulate(shares), strict=True):
            ends.setdefault(epoch, []).append(seconds * share / sum(shares))
    return ends


def plot_levels(axes: Axes, study: Study) -> None:
    """Draw a line at each of the study's levels, as errors in per cent."""
    for (name, accuracy), dashes in zip(study.levels.items(), cycle(DASHES)):
        axes.axhline(100 * (1 - accuracy), color="#555555", ls=dashes, lw=1, label=name)


def whole_numbers(axes: Axes) -> None:
    """Let the horizontal axis count epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def logarithmic(axes: Axes) -> None:
    """Let the vertical axis go by factors, with plain numbers on it."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: Path) -> None:
    """Write a figure under its name at once."""
    with replacing(path) as part:
        figure.savefig(part, dpi=DPI)
