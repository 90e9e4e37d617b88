"""The figures of a report: curves with a band over the seeds, and error against time."""

import math
import shutil
from collections.abc import Sequence
from itertools import accumulate, cycle
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from alexnet_lightning.plots.style import COLOURS, color_and_marker, new_figure, write_png
from alexnet_lightning.studies.grid import Cell
from alexnet_lightning.studies.levels import ends_of_epochs
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.published import pairs
from alexnet_lightning.studies.rows import FEW_EPOCHS, Evidence, operations
from alexnet_lightning.studies.statistics import Estimate, estimate
from alexnet_lightning.studies.tables import time_unit
from alexnet_lightning.studies.targets import passed
from alexnet_lightning.system.atomic import replacing

UNITS = {
    "train/loss": "training loss (nats)",
    "train/loss_step": "loss of a training batch (nats)",
    "val/loss": "validation loss (nats)",
    "val/top1": "validation top-1 error (%)",
}
GRAY = "#555555"
NEAR = 2  # pixels between two curves of which one hides the other
DASH = 3  # line widths
MOST = 20  # variants whose curves can be told apart
Points = dict[int, list[float]]  # values of all seeds by epoch or step


def draw(
    study: Study, evidence: Evidence, cells: Sequence[Cell], folder: Path, earlier: Path
) -> dict[str, str]:
    """Write all figures of a report; return their captions by file name.

    Figures of embeddings are those of the runs, or, where these are gone, the ones in `earlier`.
    """
    captions: dict[str, str] = {}
    if len(study.variants) <= MOST:
        draw_curves(study, evidence, folder / "curves.png")
        draw_time(study, evidence, folder / "time.png")
        captions = {
            "curves.png": "Mean over the seeds; the band goes from the lowest to the highest.",
            "time.png": "Validation error against training time, and the test error of the "
            f"{evidence.tested}, at the end of its epoch."
            if evidence.validated
            else "Test error after the last epoch against training time, mean over the seeds; the "
            "bar goes from the lowest to the highest.",
        }
    if draw_frontier(study, evidence, folder / "frontier.png"):
        captions["frontier.png"] = (
            "Test error against the operations of a training, two per multiply-add; bars are 95 % "
            "intervals. No other variant here reaches as low an error with as few operations as "
            "those on the line."
        )
    if draw_published(study, evidence, folder / "published.png"):
        captions["published.png"] = (
            "Differences to the baseline in the source, and ours with their 95 % intervals."
        )
    for cell in cells:
        name, seed = cell.run.variant, cell.run.seed
        if name in study.embeddings and seed == study.seeds[0]:
            file = f"embeddings_{name}.png"
            sources = [earlier / file]
            if cell.folder and cell.state == "finished":
                sources.insert(0, cell.folder.path / "figures" / "embeddings.png")
            if source := next(filter(Path.is_file, sources), None):
                with replacing(folder / file) as part:
                    shutil.copyfile(source, part)
                captions[file] = f"Embedding spaces: {study.label(name)}, seed {seed}."
    return captions


def draw_curves(study: Study, evidence: Evidence, path: Path) -> None:
    """Write losses and validation error by epoch; of runs of few epochs, training loss by step."""
    by_step = any(row.get("step") for row in evidence.curves)
    few = by_step and all((row.get("epoch") or 0) <= FEW_EPOCHS for row in evidence.curves)
    loss, over = ("train/loss_step", "step") if few else ("train/loss", "epoch")
    # Losses of different targets cannot be compared: each kind has a panel of its own.
    there = [name for name in study.variants if evidence.by_seed(name, "seconds")]
    targets = {name: evidence.soft_targets(name) for name in there}
    kinds = sorted(set(targets.values()))
    panels = [(loss, [n for n, kind in targets.items() if kind == each]) for each in kinds]
    if evidence.validated and not few:
        panels += [(metric, there) for metric in ("val/loss", "val/top1")]
    rows = 1 if len(panels) < 4 else 2
    columns = math.ceil(len(panels) / rows)
    with new_figure(max(9, 4.3 * columns), 1 + 3.8 * rows) as figure:
        every = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in every[len(panels) :]:
            axes.remove()
        for axes, (metric, names) in zip(every, panels, strict=False):
            draw_panel(axes, study, evidence, names, metric, over)
            if len(kinds) > 1 and metric == loss:
                kind = targets[names[0]]
                others = " or ".join(filter(None, kinds)).rstrip(" .0123456789")
                axes.set_title(f"with {kind}" if kind else f"without {others}", wrap=True)
        finish(figure, every[: len(panels)], study, evidence, "n = {}", path)


def draw_panel(
    axes: Axes, study: Study, evidence: Evidence, names: Sequence[str], metric: str, over: str
) -> None:
    """Draw a metric of some variants, mean and range over the seeds, and its value at chance."""
    for name in names:
        if points := over_seeds(evidence, name, metric, over):
            color = plot_mean(axes, study, name, list(points), points)
            low, high = (list(map(pick, points.values())) for pick in (min, max))
            axes.fill_between(list(points), low, high, color=color, alpha=0.2, lw=0)
    axes.set(xlabel=over, ylabel=UNITS[metric])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if "/loss" in metric and axes.dataLim.y1 > 20 * axes.dataLim.y0 > 0:
        # A diverging first epoch would flatten all others.
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    show_hidden(axes)
    plot_chance(axes, evidence, metric)
    if "/top" in metric:
        plot_levels(axes, study)


def draw_time(study: Study, evidence: Evidence, path: Path) -> None:
    """Write validation error against mean training time, and the test error at the best epoch.

    Without a validation, the test error after the last epoch alone.
    """
    longest = max((row["seconds"] for row in evidence.runs), default=0.0)
    unit, symbol = time_unit(longest)
    with new_figure(9, 4.8) as figure:
        axes = figure.subplots()
        for name in study.variants:
            points = over_seeds(evidence, name, "val/top1")
            if not (ends := ends_of_epochs(evidence, name)):
                continue
            times: dict[int, list[float]] = {}
            for of_seed in ends.values():
                for epoch, end in of_seed.items():
                    times.setdefault(epoch, []).append(end / unit)
            (color, _), label = look_of(study, name), study.label(name)
            if points:
                plot_mean(axes, study, name, [fmean(times[epoch]) for epoch in points], points)
                label = ""  # the curve has it
            if tested := evidence.by_seed(name, "test/top1").values():
                best = evidence.by_seed(name, "best_epoch")
                at = [found[int(best.get(seed, max(found)))] / unit for seed, found in ends.items()]
                look: Any = {"color": color, "markersize": 12, "label": label or None}
                x, y, errors = fmean(at), 100 * (1 - fmean(tested)), [100 * (1 - z) for z in tested]
                axes.plot(x, y, "*", **look)
                if not points:
                    axes.vlines(x, min(errors), max(errors), color=color)
        axes.set(xlabel=f"training time ({symbol})", ylabel="top-1 error (%)")
        axes.set_xlim(left=0)
        show_hidden(axes)
        plot_chance(axes, evidence, "val/top1")
        plot_levels(axes, study)
        if evidence.validated:
            axes.plot([], [], color=GRAY, label="validation")
        axes.plot([], [], "*", color=GRAY, markersize=12, label=f"test ({evidence.tested})")
        images = {row.get("test/images") for row in evidence.runs} - {None}
        n = f", {images.pop():,} test images" if len(images) == 1 else ""
        finish(figure, [axes], study, evidence, f"n = {{}}{n}", path)


def draw_frontier(study: Study, evidence: Evidence, path: Path) -> bool:
    """Write test error against operations, with the frontier; False without a target."""
    if not passed(study, evidence):
        return False
    found: list[tuple[float, Estimate, str]] = []
    for name in study.variants:
        rows = [row for row in evidence.runs if row["variant"] == name and row.get("test/top1")]
        if costs := [cost for cost in map(operations, rows) if cost is not None]:
            errors = [100 * (1 - row["test/top1"]) for row in rows]
            found.append((fmean(costs) / 1e15, estimate(errors), name))
    found.sort(key=lambda each: (each[0], each[1].mean))
    best = list(accumulate((error.mean for _, error, _ in found), min))
    on_it = [each for each, least in zip(found, best, strict=True) if each[1].mean == least]
    with new_figure(9, 4.8) as figure:
        axes = figure.subplots()
        axes.plot([x for x, _, _ in on_it], [y.mean for _, y, _ in on_it], color=GRAY, lw=1)
        for x, error, name in found:
            half = error.half if error.n > 1 else 0.0
            label = f"{study.label(name)}, n = {error.n}"
            color, marker = look_of(study, name)
            axes.errorbar(x, error.mean, half, color=color, fmt=marker, label=label)
        axes.set(xscale="log", xlabel="operations of a training (PFLOP)")
        axes.set(yscale="log", ylabel="test top-1 error (%)")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 4, 5, 6, 8)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        plot_levels(axes, study)
        axes.legend(bbox_to_anchor=(1.01, 1), loc="upper left")
        figure.suptitle(study.title, wrap=True)
        write_png(figure, path)
    return True


def draw_published(study: Study, evidence: Evidence, path: Path) -> bool:
    """Write our differences to the baseline against the published ones; False without any."""
    found = pairs(study, evidence)
    if not found:
        return False
    found.sort(key=lambda each: each.theirs)
    heights, ours = list(range(len(found))), [each.ours.mean for each in found]
    halves = [each.ours.half if each.ours.n > 1 else 0.0 for each in found]
    with new_figure(9, 2 + len(found) / 5) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=GRAY, lw=0.8)
        axes.plot([each.theirs for each in found], heights, "D", color=GRAY, ms=5, label="source")
        axes.errorbar(ours, heights, xerr=halves, fmt="o", ms=5, color=COLOURS[0], label="ours")
        axes.set_yticks(heights, [study.label(each.variant) for each in found])
        axes.set(xlabel="difference in test top-1 accuracy (points)", ylim=(-1, len(found)))
        axes.legend()
        counts = sorted({each.ours.n for each in found})
        n = " to ".join(dict.fromkeys(map(str, (counts[0], counts[-1]))))
        figure.suptitle(f"{study.title}: n = {n} seeds", wrap=True)
        write_png(figure, path)
    return True


def plot_mean(axes: Axes, study: Study, variant: str, x: Sequence[float], points: Points) -> str:
    """Plot the mean over the seeds in the variant's color, and return the color."""
    means = list(map(fmean, points.values()))
    color, marker = look_of(study, variant)
    marker = marker if len(points) <= 30 else ""
    axes.plot(x, means, color=color, marker=marker, markersize=4, label=study.label(variant))
    return color


def look_of(study: Study, variant: str) -> tuple[str, str]:
    """Return the color and the marker of a variant in all figures."""
    return color_and_marker(list(study.variants).index(variant))


def show_hidden(axes: Axes) -> None:
    """Make curves that lie on each other dashed, so that the colors of all of them are seen."""
    axes.autoscale_view()
    groups: list[list[Line2D]] = []
    for line in [line for line in axes.lines if line.get_linestyle() == "-"]:
        for group in groups:
            if lies_on(line, group[0]):
                group.append(line)
                break
        else:
            groups.append([line])
    for group in groups:
        for index, line in enumerate(group[1:], 1):
            gap = DASH * (len(group) - 1)
            line.set(linestyle=(DASH * (len(group) - index), (DASH, gap)), marker="", lw=2)
    if any(len(group) > 1 for group in groups):
        axes.plot([], [], color=GRAY, ls=(0, (DASH, DASH)), label="dashes: on another curve")


def lies_on(line: Line2D, other: Line2D) -> bool:
    """Tell whether three of four points of two curves are within NEAR pixels of each other."""
    one, two = (each.get_transform().transform(each.get_xydata()) for each in (line, other))
    return one.shape == two.shape and bool((abs(one - two).max(axis=1) <= NEAR).mean() >= 0.75)


def plot_chance(axes: Axes, evidence: Evidence, metric: str) -> None:
    """Draw a line at what one guess among equally frequent classes gives, unless it is far away."""
    classes = {row["classes"] for row in evidence.runs if row.get("classes")}
    if len(classes) == 1:
        count = classes.pop()
        chance = 100 * (1 - 1 / count) if "/top" in metric else math.log(count)
        if "/top" in metric and axes.dataLim.y1 < chance / 2:
            return  # it would press the curves together
        axes.axhline(chance, color=GRAY, ls=(0, (1, 3)), lw=1.2, label=f"chance, {count} classes")


def over_seeds(evidence: Evidence, variant: str, metric: str, over: str = "epoch") -> Points:
    """Return the values of all seeds by epoch or step; accuracies as errors in percent."""
    points: Points = {}
    for seed in evidence.by_seed(variant, "seconds"):
        for x, value in evidence.curve(variant, seed, metric, over).items():
            points.setdefault(x, []).append(100 * (1 - value) if "/top" in metric else value)
    return dict(sorted(points.items()))


def plot_levels(axes: Axes, study: Study) -> None:
    """Draw a line at each of the study's levels, as errors in percent."""
    for (name, accuracy), dashes in zip(study.levels.items(), cycle(("--", ":", "-."))):
        axes.axhline(100 * (1 - accuracy), color=GRAY, ls=dashes, lw=1, label=name)


def finish(
    figure: Figure, every: Sequence[Axes], study: Study, evidence: Evidence, what: str, path: Path
) -> None:
    """Write a figure with the legends of its panels below it, and a title with the seeds."""
    found = [axes.get_legend_handles_labels() for axes in every]
    # Of a variant in several panels, the last one, which has them all; first the variants.
    shown = {text: line for lines, texts in found for line, text in zip(lines, texts, strict=True)}
    labels = [text for text in map(study.label, study.variants) if text in shown]
    labels += [text for text in shown if text not in labels]
    figure.legend([shown[text] for text in labels], labels, loc="outside lower center", ncols=3)
    counts = {len(evidence.by_seed(name, "seconds")) for name in study.variants} - {0}
    n = " to ".join(map(str, sorted({min(counts), max(counts)})))
    n += " seed" if n == "1" else " seeds"
    figure.suptitle(f"{study.title}: {what.format(n)}", wrap=True)
    write_png(figure, path)
