"""The runs of an earlier report trained again: are their figures the same?"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alexnet_lightning.studies.csv_rows import Row
from alexnet_lightning.studies.grid import Cell
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.rows import Evidence, key_of, read
from alexnet_lightning.studies.statistics import estimate
from alexnet_lightning.system.errors import UserError

# Equal to the last digit, these leave no room for other weights.
EXACT = ("train/loss", "train/top1", "test/loss", "test/top1", "test/top5")


def report_of(place: Path) -> Path:
    """Return the folder of the report that is meant by it or by FOLDER/VARIANT; else UserError."""
    for folder in (place, place.parent):
        if all((folder / name).is_file() for name in ("study.yaml", "runs.csv")):
            return folder
    raise UserError(
        f"--reproduce: {place}: no report of a study: give a folder with study.yaml and runs.csv, "
        "for example results/records, or FOLDER/VARIANT"
    )


def reported(place: Path) -> Study:
    """Return the study of a report, with the variants and seeds that it has rows of."""
    folder = report_of(place)
    study, rows = read_study(folder / "study.yaml"), read(folder).runs
    there = {row["variant"] for row in rows}
    if place != folder:
        if place.name not in there:
            raise UserError(
                f"--reproduce: {folder / 'runs.csv'} has no run of {place.name}; "
                f"it has {', '.join(sorted(there))}"
            )
        there = {place.name}
    variants = {name: each for name, each in study.variants.items() if name in there}
    seeds = [
        seed
        for seed in study.seeds
        if any(row["seed"] == seed and row["variant"] in there for row in rows)
    ]
    return replace(study, variants=variants, seeds=seeds, questions=[], embeddings=[], also_test={})


def with_rows(cells: Sequence[Cell], earlier: Evidence | None) -> list[Cell]:
    """Return the cells of the runs that a report has rows of; all of them without a report."""
    if earlier is None:
        return list(cells)
    there = {key_of(row) for row in earlier.runs}
    return [cell for cell in cells if (cell.run.variant, cell.run.seed) in there]


def compare(study: Study, earlier: Evidence, again: Evidence) -> tuple[list[str], bool]:
    """Return a line per variant, and whether all of them were reproduced.

    A variant is if all its runs are equal to the last digit, or if its mean test accuracy lies
    where 95 % of repetitions do: in the prediction interval of Student's t.
    """
    lines, good = [], True
    for name in study.variants:
        sides = [
            {row["seed"]: row for row in side.runs if row["variant"] == name}
            for side in (earlier, again)
        ]
        shared = sorted(sides[0].keys() & sides[1].keys())
        equal = sum(same(sides[0][seed], sides[1][seed]) for seed in shared)
        text = f"{name}: {equal} of {len(shared)} runs equal to the last digit"
        if equal < len(shared):
            found, inside = within([*sides[0].values()], [sides[1][seed] for seed in shared])
            text, good = f"{text}; {found}", good and inside
        lines.append(text)
    return lines, good


def same(row: Row, other: Row) -> bool:
    """Tell whether two runs have the same figures."""
    return all(row.get(name) == other.get(name) for name in EXACT)


def within(earlier: Sequence[Row], again: Sequence[Row]) -> tuple[str, bool]:
    """Tell whether the mean of new runs lies where that of so many repetitions is expected."""
    from scipy.stats import t

    if any("test/top1" not in row for row in (*earlier, *again)):
        return "not reproduced (runs without a test)", False
    before, now = (estimate([100 * row["test/top1"] for row in rows]) for rows in (earlier, again))
    means = f"{now.mean:.2f} % test top-1, {before.mean:.2f} % before"
    if before.n == 1:
        return f"not reproduced ({means}, one run: no interval)", False
    half = float(t.ppf(0.975, before.n - 1)) * before.sd * math.sqrt(1 / before.n + 1 / now.n)
    inside = abs(now.mean - before.mean) <= half
    word = "reproduced within" if inside else "not reproduced, outside of"
    return f"{word} ± {half:.2f} points ({means})", inside
