"""The figures of a report: curves with a band over the seeds, and error against time."""

import shutil
from collections.abc import Sequence
from itertools import accumulate, cycle
from pathlib import Path
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from alexnet_lightning.plots.style import COLOURS, MARKERS, new_figure, write_png
from alexnet_lightning.studies.grid import Cell
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import FEW_EPOCHS, Evidence
from alexnet_lightning.system.atomic import replacing

PANELS = {
    "train/loss": ("epoch", "training loss (nats)"),
    "val/top1": ("epoch", "validation top-1 error (%)"),
}
STEP_PANEL = {"train/loss_step": ("step", "loss of a training batch (nats)")}
GRAY = "#555555"
Points = dict[int, list[float]]  # values of all seeds by epoch or step


def draw(study: Study, evidence: Evidence, cells: Sequence[Cell], folder: Path) -> dict[str, str]:
    """Write all figures of a report; return their captions by file name."""
    draw_curves(study, evidence, folder / "curves.png")
    draw_time(study, evidence, folder / "time.png")
    captions = {
        "curves.png": "Mean over the seeds; the band goes from the lowest to the highest.",
        "time.png": "Validation error against seconds of training, and the test error.",
    }
    for cell in cells:
        name, seed = cell.run.variant, cell.run.seed
        if cell.folder and name in study.embeddings and seed == study.seeds[0]:
            source = cell.folder.path / "figures" / "embeddings.png"
            if cell.state == "finished" and source.is_file():
                file = f"embeddings_{name}.png"
                captions[file] = f"Embedding spaces: {study.label(name)}, seed {seed}."
                with replacing(folder / file) as part:
                    shutil.copyfile(source, part)
    return captions


def draw_curves(study: Study, evidence: Evidence, path: Path) -> None:
    """Write training loss and validation error by epoch; of runs of few epochs, loss by step."""
    by_step = any(row.get("step") for row in evidence.curves)
    few = by_step and all((row.get("epoch") or 0) <= FEW_EPOCHS for row in evidence.curves)
    panels = STEP_PANEL if few else PANELS
    with new_figure(9, 4.6) as figure:
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (metric, (over, unit)) in zip(every, panels.items(), strict=True):
            for name in study.variants:
                if points := over_seeds(evidence, name, metric, over):
                    color = plot_mean(axes, study, name, list(points), points)
                    low, high = (list(map(pick, points.values())) for pick in (min, max))
                    axes.fill_between(list(points), low, high, color=color, alpha=0.2, lw=0)
            axes.set(xlabel=over, ylabel=unit)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            if "/loss" in metric and axes.dataLim.y1 > 20 * axes.dataLim.y0 > 0:
                # A diverging first epoch would flatten all others.
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter(NullFormatter())
            if "/top" in metric:
                plot_levels(axes, study)
        save(figure, every[-1], path)


def draw_time(study: Study, evidence: Evidence, path: Path) -> None:
    """Write validation error against mean seconds of training, and the test error at the end."""
    with new_figure(9, 4.6) as figure:
        axes = figure.subplots()
        for name in study.variants:
            if not (points := over_seeds(evidence, name, "val/top1")):
                continue
            ends = ends_of_epochs(evidence, name)
            color = plot_mean(axes, study, name, [fmean(ends[epoch]) for epoch in points], points)
            if tested := evidence.by_seed(name, "test/top1").values():
                seconds = fmean(evidence.by_seed(name, "seconds").values())
                axes.plot(seconds, 100 * (1 - fmean(tested)), "*", color=color, markersize=12)
        axes.set(xlabel="seconds of training", ylabel="top-1 error (%)")
        axes.set_xlim(left=0)
        plot_levels(axes, study)
        axes.plot([], [], color=GRAY, label="validation")
        axes.plot([], [], "*", color=GRAY, markersize=12, label="test (best checkpoint)")
        save(figure, axes, path)


def plot_mean(axes: Axes, study: Study, variant: str, x: Sequence[float], points: Points) -> str:
    """Plot the mean over the seeds in the variant's color, and return the color."""
    index, means = list(study.variants).index(variant), list(map(fmean, points.values()))
    color, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    marker = marker if len(points) <= 30 else ""
    axes.plot(x, means, color=color, marker=marker, markersize=4, label=study.label(variant))
    return color


def over_seeds(evidence: Evidence, variant: str, metric: str, over: str = "epoch") -> Points:
    """Return the values of all seeds by epoch or step; accuracies as errors in percent."""
    points: Points = {}
    for seed in evidence.by_seed(variant, "seconds"):
        for x, value in evidence.curve(variant, seed, metric, over).items():
            points.setdefault(x, []).append(100 * (1 - value) if "/top" in metric else value)
    return dict(sorted(points.items()))


def ends_of_epochs(evidence: Evidence, variant: str) -> Points:
    """Return the seconds after which an epoch ended, of all seeds, by epoch.

    Each has a fraction proportional to 1 / (images per second); equal ones where a rate is missing.
    """
    ends: Points = {}
    for seed, seconds in evidence.by_seed(variant, "seconds").items():
        epochs = evidence.curve(variant, seed, "val/top1")
        rates = evidence.curve(variant, seed, "train/images_per_second")
        times = [1 / rates[epoch] if set(epochs) <= set(rates) else 1.0 for epoch in epochs]
        for epoch, time in zip(epochs, accumulate(times), strict=True):
            ends.setdefault(epoch, []).append(seconds * time / sum(times))
    return ends


def plot_levels(axes: Axes, study: Study) -> None:
    """Draw a line at each of the study's levels, as errors in percent."""
    for (name, accuracy), dashes in zip(study.levels.items(), cycle(("--", ":", "-."))):
        axes.axhline(100 * (1 - accuracy), color=GRAY, ls=dashes, lw=1, label=name)


def save(figure: Figure, axes: Axes, path: Path) -> None:
    """Write a figure with the legend of some axes below it."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    write_png(figure, path)
