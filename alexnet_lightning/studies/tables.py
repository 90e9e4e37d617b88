"""The tables of a report in Markdown, from its rows, and the intervals of means over seeds."""

import math
import re
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence

NONE = "–"
WORDS = {"model", "differs by", "state", "error in the source", "over the step before"}  # columns
ERRORS = {
    "test top-1 error": "test/top1",
    "test top-5 error": "test/top5",
    "training error": "train/top1",
    "val error, best": "val/top1",
    "val error, last": "last_val/top1",
}
COSTS = {  # by header: the figure, its unit, and how it is shown
    "parameters": ("parameters", 1, "{:,.0f}"),
    "multiply-adds": ("multiply_adds", 1e6, "{:.1f} M"),
    "training time": ("seconds", 1, ""),
    "5-NN of features": ("val/features_knn5", 0.01, "{:.1f} %"),
    "5-NN of penultimate": ("val/penultimate_knn5", 0.01, "{:.1f} %"),
}


class Estimate(NamedTuple):
    """A mean over n seeds and half the width of its 95 % interval; None for one seed."""

    mean: float
    half: float | None
    n: int


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of n >= 1 values and Student's interval: mean ± t(n - 1) · s / √n."""
    n, mean = len(values), fmean(values)
    if n == 1:
        return Estimate(mean, None, 1)
    # Not scipy's ttest_1samp, which warns of equal values: a network at chance has those.
    from scipy.stats import t

    quantile = float(t.ppf(0.975, n - 1))
    return Estimate(mean, quantile * stdev(values) / math.sqrt(n), n)


def paired(of: Mapping[int, float], against: Mapping[int, float]) -> Estimate | None:
    """Return the mean of `of` - `against` over the seeds that both have; None if there is none."""
    shared = [seed for seed in of if seed in against]
    return estimate([of[seed] - against[seed] for seed in shared]) if shared else None


def verdict(difference: Estimate) -> str:
    """Return in words what a difference of accuracies in percentage points shows."""
    mean, half, n = difference
    if half is None:
        return f"one run: {mean:+.2f} points, no interval"
    if half > 100:  # wider than any difference can be
        return f"no difference shown ({mean:+.2f} points, n = {n}: too few for an interval)"
    if abs(mean) <= half:
        return f"no difference shown ({mean:+.2f} ± {half:.2f} points, n = {n})"
    word = "gains" if mean > 0 else "loses"
    return f"{word} {abs(mean):.2f} ± {half:.2f} points, n = {n}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; columns of numbers are aligned to the right."""
    rule = [":--" if name in WORDS else "--:" for name in header]
    rule[0] = ":--"
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in lines)


def filled(*rows: list[str]) -> str:
    """Return a Markdown table, header first, without the columns that are empty in all rows."""
    columns = [column for column in zip(*rows, strict=True) if set(column[1:]) - {NONE}]
    header, *kept = zip(*columns, strict=True)
    return table(header, kept)


def results(study: Study, evidence: Evidence) -> str:
    """Return a line per variant: errors in percent with intervals, and the error in its source."""
    rows = [["variant", "n", *ERRORS, "error in the source"]]
    for name, variant in study.variants.items():
        n = str(len(evidence.by_seed(name, "seconds")))
        errors = [error(evidence, name, metric) for metric in ERRORS.values()]
        if diverged := len(evidence.by_seed(name, "diverged_at_step")):
            n += f", {diverged} diverged"
        rows.append([study.label(name), n, *errors, variant.printed or NONE])
    return filled(*rows)


def costs(study: Study, evidence: Evidence) -> str:
    """Return a line per variant: its costs, and how well its embeddings separate the classes."""
    rows = [["variant", *COSTS]]
    for name in study.variants:
        cells = [study.label(name)]
        for metric, unit, shape in COSTS.values():
            values = evidence.by_seed(name, metric).values()
            mean = fmean(values) / unit if values else 0.0
            cells.append((shape.format(mean) or duration(mean)) if values else NONE)
        rows.append(cells)
    return filled(*rows)


def error(evidence: Evidence, variant: str, metric: str) -> str:
    """Return the error of an accuracy in percent with its interval."""
    values = [100 * (1 - value) for value in evidence.by_seed(variant, metric).values()]
    return f"{shown(values, most=100)} %" if values else NONE


def shown(values: Sequence[float], most: float = math.inf) -> str:
    """Return "12.34 ± 0.56"; "12.34 (8.00 to 16.68)", lowest and highest, instead of an interval
    that goes beyond what is possible, 0 to `most`."""
    mean, half, _ = estimate(values)
    if half is None:
        return f"{mean:.2f}"
    if mean - half < 0 or mean + half > most:
        return f"{mean:.2f} ({min(values):.2f} to {max(values):.2f})"
    return f"{mean:.2f} ± {half:.2f}"


def duration(seconds: float) -> str:
    """Return "59 s", "12.5 min" or "1.5 h"."""
    unit, name = time_unit(seconds)
    return f"{seconds / unit:.{0 if unit == 1 else 1}f} {name}"


def time_unit(seconds: float) -> tuple[int, str]:
    """Return the seconds of the unit that a time is best told in, and its symbol."""
    return (1, "s") if seconds < 300 else (60, "min") if seconds < 2 * 3600 else (3600, "h")


def answer(evidence: Evidence, of: str, against: str, metric: str) -> str:
    """Return in words how much more accurate one variant is than another, seed by seed."""
    sides = (evidence.by_seed(name, metric) for name in (of, against))
    found = paired(*({seed: 100 * value for seed, value in side.items()} for side in sides))
    return "no runs to tell it by" if found is None else verdict(found)


def ladder(study: Study, evidence: Evidence) -> str:
    """Return a line per step: its error and what it gains over the step before."""
    names = list(study.variants)
    gains = [answer(evidence, *pair, "test/top1") for pair in zip(names[1:], names, strict=False)]
    rows = [
        [study.label(name), error(evidence, name, "test/top1"), gain]
        for name, gain in zip(names, [NONE, *gains], strict=True)
    ]
    return table(["step", "test top-1 error", "over the step before"], rows)


def layer_statistics(study: Study, evidence: Evidence, kind: str, step: int) -> str:
    """Return the standard deviations of LayerStatistics by variant and layer, seeds averaged."""
    layers: dict[str, dict[str, list[float]]] = {}  # by layer and variant
    for row in evidence.layer_statistics:
        if row["step"] == step and "projection" not in row["layer"]:
            by_variant = layers.setdefault(short(row["layer"]), {})
            by_variant.setdefault(row["variant"], []).append(row[kind])
    rows = []
    for name in study.variants:
        means = (f"{fmean(at[name]):.1e}" if name in at else NONE for at in layers.values())
        rows.append([study.label(name), *means])
    return table(["variant", *layers], rows)


def short(layer: str) -> str:
    """Return the "conv2" or "fc6" in a layer's name, or all of it."""
    known = [part for part in layer.split(".") if re.fullmatch(r"(conv|fc)\d+", part)]
    return known[-1] if known else layer


def reach(study: Study, evidence: Evidence) -> str:
    """Return a line per metric and level: epochs to it, and their ratio to the first variant's."""
    first, *others = study.variants
    header = ["training curve", *map(study.label, study.variants)]
    header += [f"{study.label(name)} over {study.label(first)}" for name in others]
    rows = []
    for metric, levels in study.reach.items():
        for level in levels:
            found = {name: reached(evidence, name, metric, level) for name in study.variants}
            what = f"{metric.split('/')[0]} error {100 * (1 - level):.3g} %"
            cells = [epochs_cell(evidence.by_seed(name, "epochs"), found[name]) for name in found]
            ratios = [ratio_cell(found[name], found[first]) for name in others]
            rows.append([what, *cells, *ratios])
    return table(header, rows)


def reached(evidence: Evidence, variant: str, metric: str, level: float) -> dict[int, float]:
    """Return by seed after how many epochs a variant's runs reach a level; those that do."""
    # A training metric is the average over its epoch: it belongs to the middle.
    offset = 0.5 if metric.startswith("train/") else 1.0
    found = {}
    for seed in evidence.by_seed(variant, "epochs"):
        if (epochs := epochs_to(evidence.curve(variant, seed, metric), level, offset)) is not None:
            found[seed] = epochs
    return found


def epochs_to(curve: dict[int, float], level: float, offset: float) -> float | None:
    """Return after how many epochs a metric rises to a level, interpolated; None if never.

    `offset` is when within its epoch a value counts: 1 at the end, 1/2 for an average over it.
    """
    before: tuple[int, float] | None = None
    for epoch, value in sorted(curve.items()):
        if value >= level:
            if before is None:
                return epoch - 1 + offset
            step = (level - before[1]) / (value - before[1])
            return before[0] - 1 + offset + step * (epoch - before[0])
        before = (epoch, value)
    return None


def epochs_cell(runs: dict[int, float], found: dict[int, float]) -> str:
    """Return the mean number of epochs, and how many of the runs never reach the level."""
    if not found:
        return f"not in {max(runs.values(), default=0):.0f}"
    missing = len(runs) - len(found)
    return shown(list(found.values())) + (f" ({missing} never)" if missing else "")


def ratio_cell(of: dict[int, float], against: dict[int, float]) -> str:
    """Return how many times as long one variant takes as the other, seed by seed."""
    ratios = [of[seed] / against[seed] for seed in of if seed in against]
    return f"{shown(ratios)} times" if ratios else NONE
