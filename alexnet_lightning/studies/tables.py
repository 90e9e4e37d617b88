"""The tables of a report, out of its rows, in Markdown."""

import re
from collections.abc import Sequence
from statistics import fmean

from alexnet_lightning.studies.intervals import Estimate, estimate, paired, verdict
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence, Row

NONE = "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first stand to the right."""
    rule = [":--", *["--:"] * (len(header) - 1)]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in lines)


def label(study: Study, variant: str) -> str:
    """Return a variant's name for readers."""
    return study.variants[variant].label or variant


ERRORS = {
    "test top-1 error": "test/top1",
    "test top-5 error": "test/top5",
    "training error": "train/top1",
    "val error, best": "val/top1",
    "val error, last": "last_val/top1",
}


def results(study: Study, evidence: Evidence) -> str:
    """Return a line a variant: errors in per cent with intervals, and what its source prints.

    Test errors at the best checkpoint; the training error is the last epoch's mean.
    """
    rows = [
        [
            label(study, name),
            str(len(evidence.by_seed(name, "seconds"))),
            *(error(evidence, name, metric) for metric in ERRORS.values()),
            variant.printed or NONE,
        ]
        for name, variant in study.variants.items()
    ]
    return table(*filled(["variant", "n", *ERRORS, "the source prints"], rows))


def costs(study: Study, evidence: Evidence) -> str:
    """Return a line a variant: what it takes, and how well its embeddings separate the classes."""
    header = ["variant", "parameters", "multiply-adds", "seconds"]
    header += ["5-NN of features", "5-NN before the logits"]
    rows = [
        [
            label(study, name),
            mean(evidence, name, "parameters", form=",.0f"),
            mean(evidence, name, "multiply_adds", scale=1e-6, form=".1f", unit=" M"),
            mean(evidence, name, "seconds", form=".0f"),
            mean(evidence, name, "val/features_knn5", scale=100, form=".1f", unit=" %"),
            mean(evidence, name, "val/penultimate_knn5", scale=100, form=".1f", unit=" %"),
        ]
        for name in study.variants
    ]
    return table(*filled(header, rows))


def filled(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return a table without the columns in which nobody has anything."""
    kept = [place for place, _ in enumerate(header) if any(row[place] != NONE for row in rows)]
    return [header[place] for place in kept], [[row[place] for place in kept] for row in rows]


def error(evidence: Evidence, variant: str, metric: str) -> str:
    """Return the error of an accuracy in per cent with its interval."""
    values = [100 * (1 - value) for value in evidence.by_seed(variant, metric).values()]
    return shown(estimate(values), " %") if values else NONE


def shown(value: Estimate, unit: str = "") -> str:
    """Return "12.34 ± 0.56 %"."""
    interval = "" if value.half is None else f" ± {value.half:.2f}"
    return f"{value.mean:.2f}{interval}{unit}"


def mean(
    evidence: Evidence, variant: str, metric: str, scale: float = 1, form: str = "", unit: str = ""
) -> str:
    """Return the mean of a figure over the seeds, without an interval."""
    values = list(evidence.by_seed(variant, metric).values())
    return f"{scale * fmean(values):{form}}{unit}" if values else NONE


def difference(evidence: Evidence, of: str, against: str, metric: str) -> Estimate | None:
    """Return by how many points an accuracy differs between two variants, seed by seed."""
    sides = (evidence.by_seed(name, metric) for name in (of, against))
    return paired(*({seed: 100 * value for seed, value in side.items()} for side in sides))


def answer(evidence: Evidence, of: str, against: str, metric: str) -> str:
    """Return what a comparison shows, in words."""
    found = difference(evidence, of, against, metric)
    return "no runs to tell it by" if found is None else verdict(found)


def ladder(study: Study, evidence: Evidence) -> str:
    """Return a line a step: its error and what it gains over the step before."""
    names = list(study.variants)
    rows = [
        [
            label(study, name),
            error(evidence, name, "test/top1"),
            answer(evidence, name, before, "test/top1") if before else NONE,
        ]
        for before, name in zip([None, *names], names, strict=False)
    ]
    return table(["step", "test top-1 error", "over the step before"], rows)


def spreads(study: Study, evidence: Evidence, kind: str, step: int) -> str:
    """Return a line a variant: the spread of each of its layers after `step` steps.

    Args:
        study: names the variants.
        evidence: holds the spreads.
        kind: "forward" or "backward".
        step: one of those that the runs looked at.
    """
    found = [row for row in main_path(evidence.spreads) if row["step"] == step]
    layers = list(dict.fromkeys(short(row["layer"]) for row in found))
    rows = []
    for name in study.variants:
        values: dict[str, list[float]] = {layer: [] for layer in layers}
        for row in found:
            if row["variant"] == name:
                values[short(row["layer"])].append(row[kind])
        cells = [f"{fmean(seeds):.1e}" if seeds else NONE for seeds in values.values()]
        rows.append([label(study, name), *cells])
    return table(["variant", *layers], rows)


def short(layer: str) -> str:
    """Return the part of a layer's name that the paper's figure knows: "conv2", or all of it."""
    known = [part for part in layer.split(".") if re.fullmatch(r"(conv|fc)\d+", part)]
    return known[-1] if known else layer


def main_path(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the layers that are not a residual connection's projection."""
    return [row for row in rows if "projection" not in row["layer"]]
