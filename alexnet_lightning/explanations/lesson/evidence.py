"""What the page says of studies: their answers, a ladder's rungs, and what reaches each layer."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from alexnet_lightning.studies import rows, tables
from alexnet_lightning.studies.contrasts import Contrast, contrasts
from alexnet_lightning.studies.levels import values
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.statistics import estimate
from alexnet_lightning.system.errors import UserError

TOP1 = "test/top1"


class Found(NamedTuple):
    """A study, its rows, and the name of its folder."""

    name: str
    study: Study
    evidence: Evidence

    @classmethod
    def read(cls, folder: Path) -> Found:
        """Return the study of a folder of `report`; UserError if it is none."""
        for name in ("study.yaml", "runs.csv"):
            if not (folder / name).is_file():
                raise UserError(
                    f"{folder}: no file {name} there; give a folder that `report` has written, "
                    "such as results/ladder"
                )
        return cls(folder.resolve().name, read_study(folder / "study.yaml"), rows.read(folder))

    @property
    def seeds(self) -> str:
        """How many seeds the variants have, as "3 seeds" or "1 to 3 seeds"."""
        counts = {len(self.evidence.by_seed(name, TOP1)) for name in self.study.variants}
        least, most = min(counts), max(counts)
        return f"{most} seed{'s' * (most != 1)}" if least == most else f"{least} to {most} seeds"


def answers(found: Found) -> list[dict[str, str]]:
    """Return each question with its sides, its verdict in figures, and what is said of it."""
    said = []
    for each in contrasts(found.study, found.evidence):
        question = each.question
        metric = f" ({question.compared})" if question.compared != TOP1 else ""
        said.append(
            {
                "ask": question.ask,
                "sides": found.study.sides(question) + metric,
                "verdict": each.verdict,
                "declared": "primary" if question.primary else "exploratory",
                "source": question.source,
                "protocol": question.protocol,
                "finding": question.finding,
            }
        )
    return said


def ladder(found: Found) -> list[dict[str, Any]]:
    """Return the rungs of a study that asks what each variant adds to the one before it.

    Empty for another study. A rung is a variant's test top-1 error in percent, with the interval,
    and the verdict on what it adds.
    """
    study, evidence = found.study, found.evidence
    asked = {(q.of, q.against): each for each in contrasts(study, evidence) if (q := each.question)}
    steps = [asked.get((of, against)) for against, of in pairwise(study.variants)]
    if len(steps) < 2 or None in steps:
        return []
    return [
        {**error(found, name), **(added(step) if step else {})}
        for name, step in zip(study.variants, [None, *steps], strict=True)
    ]


def added(step: Contrast) -> dict[str, str]:
    return {"word": step.word, "verdict": step.verdict, "finding": step.question.finding}


def errors(found: Found) -> list[dict[str, Any]]:
    """Return the errors of all variants, see `error`."""
    return [error(found, name) for name in found.study.variants]


def error(found: Found, variant: str) -> dict[str, Any]:
    """Return a variant's label, its test top-1 error and 95 % interval in percent, and its n."""
    accuracies = values(found.evidence, variant, TOP1)
    label = found.study.label(variant)
    if not accuracies:
        return {"label": label, "n": 0, "text": "not run"}
    of_seeds = [100 - value for value in accuracies.values()]
    mean = estimate(of_seeds)
    half = mean.half if mean.n > 1 else 0.0
    low, high = mean.mean - half, mean.mean + half
    if low < 0 or high > 100:  # no interval, see `tables.shown`
        low, high = min(of_seeds), max(of_seeds)
    text = f"{tables.error(found.evidence, variant, TOP1)}, n = {mean.n}"
    return {"label": label, "n": mean.n, "text": text, "error": mean.mean, "low": low, "high": high}


def activations(found: Found) -> dict[str, Any]:
    """Return the standard deviations of activations by layer; empty without their rows.

    Of each variant and step: the mean over the seeds, the lowest and the highest. A variant is "at
    chance" if the 95 % interval of its test error reaches that of chance.
    """
    kept = [row for row in found.evidence.layer_statistics if "projection" not in row["layer"]]
    layers = list(dict.fromkeys(tables.short(row["layer"]) for row in kept))
    steps = sorted({row["step"] for row in kept})
    chance = chance_error(found.evidence)
    variants: list[dict[str, Any]] = []
    for name in found.study.variants:
        of_it = [row for row in kept if row["variant"] == name]
        lines = [line(of_it, layers, step) for step in steps]
        if of_it and all(lines):
            told = error(found, name)
            # To the digits that are shown: accuracies are stored in 32 bits.
            at_chance = told.get("high", 0.0) > (math.inf if chance is None else chance - 0.005)
            variants.append({**told, "at_chance": at_chance, "lines": lines})
    if not variants:
        return {}
    words = ["at initialization", *(f"after {step} steps" for step in steps if step)]
    return {
        "title": found.study.title,
        "notes": found.study.notes,
        "name": found.name,
        "chance": chance,
        "layers": layers,
        "steps": words[-len(steps) :],
        "variants": variants,
    }


def line(rows_of: list[rows.Row], layers: list[str], step: int) -> list[list[float]]:
    """Return mean, lowest and highest of the seeds for each layer; empty if a layer has none."""
    at: dict[str, list[float]] = {}
    for row in rows_of:
        if row["step"] == step:
            at.setdefault(tables.short(row["layer"]), []).append(row["forward"])
    if any(layer not in at for layer in layers):
        return []
    return [[fmean(at[layer]), min(at[layer]), max(at[layer])] for layer in layers]


def chance_error(evidence: Evidence) -> float | None:
    """Return the error of guessing among the classes, in percent; None if they are not known."""
    classes = {row["classes"] for row in evidence.runs if "classes" in row}
    return 100 * (1 - 1 / classes.pop()) if len(classes) == 1 else None
