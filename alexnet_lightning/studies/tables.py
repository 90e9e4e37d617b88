"""The tables of a report in Markdown, from its rows."""

import math
import re
from collections.abc import Sequence
from statistics import fmean

from alexnet_lightning.studies.contrasts import Contrast, contrasts
from alexnet_lightning.studies.levels import reached
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.statistics import binomial_error, estimate

NONE = "–"
WORDS = {  # columns that are no numbers
    "model", "differs by", "state", "error in the source", "metric", "declared", "verdict", "tried",
    "chosen", "variant", "commit", "study",
}  # fmt: skip
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


def probability(p: float, equal: str = "") -> str:
    """Return "< 0.001", or p with the sign that is wanted before it."""
    return "< 0.001" if p < 0.001 else f"{equal}{p:.3f}"


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
    further = {f"{name}, top-1 error": f"test {name}/top1" for name in study.also_test}
    metrics = ERRORS | further
    rows = [["variant", "n", *metrics, "error in the source"]]
    for name, variant in study.variants.items():
        n = str(len(evidence.by_seed(name, "seconds")))
        errors = [error(evidence, name, metric) for metric in metrics.values()]
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
    """Return the error of an accuracy in percent with its interval.

    Of a single run on test images, with the standard error that the choice of the images gives it.
    """
    found = evidence.by_seed(variant, metric)
    if not found:
        return NONE
    text = f"{shown([100 * (1 - value) for value in found.values()], most=100)} %"
    images = evidence.by_seed(variant, "test/images")
    if len(found) == 1 and metric.startswith("test/") and images:
        ((seed, accuracy),) = found.items()
        text += f" (SE {100 * binomial_error(accuracy, int(images[seed])):.2f})"
    return text


def shown(values: Sequence[float], most: float = math.inf) -> str:
    """Return "12.34 ± 0.56"; "12.34 (8.00 to 16.68)", lowest and highest, instead of an interval
    that goes beyond what is possible, 0 to `most`."""
    found = estimate(values)
    mean, half = found.mean, found.half
    if found.n == 1:
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


def differences(study: Study, evidence: Evidence) -> str:
    """Return a line per question: the difference, its tests, and what n seeds can detect."""
    header = ["contrast", "metric", "declared", "n", "difference", "detectable", "p"]
    rows = [[*header, "p of equivalence", "verdict"]]
    for found in contrasts(study, evidence):
        question = found.question
        declared = "primary" if question.primary else "exploratory"
        names = [study.sides(question), question.compared, declared]
        rows.append([*names, *tests(found), found.word])
    return filled(*rows)


def tests(found: Contrast) -> list[str]:
    """Return n, difference, detectable difference and p-values, as far as n allows."""
    difference, kind = found.difference, found.question.kind
    if difference is None:
        return ["0", *4 * [NONE]]
    mean = f"{difference.mean:+.{kind.digits}f}"
    if difference.n == 1:
        return ["1", f"{mean} {kind.unit}", *3 * [NONE]]
    half, detectable = (f"{x:.{kind.digits}f}" for x in (difference.half, difference.detectable))
    p = [probability(each) for each in (found.p, found.p_within)]
    p[1] = NONE if found.question.equivalence is None else p[1]
    return [str(difference.n), f"{mean} ± {half} {kind.unit}", detectable, *p]


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
