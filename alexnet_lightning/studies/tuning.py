"""Settings chosen per variant before the claim, as the learning rate is: a study of its own.

Godbole et al., "Deep Learning Tuning Playbook", 2023: a comparison is of variants at the best of
their nuisance parameters. The choice is made with seeds that the claim has not, on validation, or
on training where the claim is of its speed.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import isfinite
from statistics import fmean
from typing import Any

from alexnet_lightning.studies.csv_rows import Row
from alexnet_lightning.studies.metrics import kind_of
from alexnet_lightning.studies.plan import Study, Tune
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.tables import NONE, filled

FOLDER = "tuning"  # of the trials, within the study's
Point = dict[str, Any]  # a value for each key of a grid
METHOD = (
    "Each variant got its own value before the runs above: that of the best {metric}, the mean of "
    "{n} trial{s} with seeds of their own ({seeds}), which test nothing. Where the best value is "
    "at the edge of its grid, there may be a better one beyond it."
)


def trials(study: Study) -> Study | None:
    """Return the study of all trials, whose variants are points of the grids; None without any."""
    variants = {
        trial: replace(study.variants[name], overrides=study.variants[name].overrides | point)
        for name in study.variants
        for trial, point in points(study, name).items()
    }
    if not study.tune or not variants:
        return None
    own = {"test": False, "allow_divergence": True}  # too high a rate is a result
    overrides = study.overrides | study.tune.overrides | own
    return replace(
        study, variants=variants, seeds=study.tune.seeds, overrides=overrides,
        questions=[], tune=None, also_test={},
    )  # fmt: skip


def points(study: Study, variant: str) -> dict[str, Point]:
    """Return the points of a variant's grid by the name of their trial; none if it is not tuned."""
    own = study.variants[variant].tune
    grid = {} if study.tune is None else study.tune.grid if own is None else own
    every = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    # Named by their values: a grid can grow, and its finished trials stay.
    return {re.sub(r"[^\w.-]+", "_", f"{variant}-{told(point)}"): point for point in every if point}


def scores(study: Study, rows: Sequence[Row], variant: str) -> dict[str, float]:
    """Return the mean of the metric by trial, of trials that have all their seeds; a loss as -loss.

    A trial of which a run diverged has -inf.
    """
    tune, found = study.tune, {}
    for trial in points(study, variant):
        assert tune
        sign = -1 if kind_of(tune.metric).lower_is_better else 1
        runs = [row for row in rows if row["variant"] == trial and row["seed"] in tune.seeds]
        values = [sign * row.get(tune.metric, math.nan) for row in runs]
        if len(runs) == len(tune.seeds):
            failed = any("diverged_at_step" in row for row in runs) or not all(
                map(isfinite, values)
            )
            found[trial] = -math.inf if failed else fmean(values)
    return found


def chosen(study: Study, rows: Sequence[Row], variant: str) -> str | None:
    """Return the best trial of a variant; None before all are finished, or if all diverged."""
    found = scores(study, rows, variant)
    best = max(found, key=found.__getitem__, default=None)
    whole = len(found) == len(points(study, variant))
    return best if best and whole and isfinite(found[best]) else None


def tuned(study: Study, rows: Sequence[Row]) -> Study | None:
    """Return the study with the chosen values; None where one of them is not known."""
    variants = dict(study.variants)
    for name, variant in study.variants.items():
        if grid := points(study, name):
            best = chosen(study, rows, name)
            if best is None:
                return None
            variants[name] = replace(variant, overrides=variant.overrides | grid[best])
    return replace(study, variants=variants)


def report(study: Study, evidence: Evidence) -> list[str]:
    """Return the grid of each variant with its chosen value, and how it was chosen."""
    tune = study.tune
    if not tune:
        return []
    rows = [["variant", "tried", "chosen", "at the edge"]]
    for name in study.variants:
        grid, found = points(study, name), scores(study, evidence.tuning, name)
        tried = "; ".join(f"{told(grid[trial])}: {score(tune, found.get(trial))}" for trial in grid)
        if best := chosen(study, evidence.tuning, name):
            edge = ", ".join(edges([*grid.values()], grid[best]))
            rows.append([study.label(name), tried, told(grid[best]), edge or NONE])
        elif grid:
            rows.append([study.label(name), tried, NONE, NONE])
    n, seeds = len(tune.seeds), ", ".join(map(str, tune.seeds))
    return [filled(*rows), METHOD.format(metric=tune.metric, n=n, s="s" * (n > 1), seeds=seeds)]


def edges(every: Sequence[Point], best: Point) -> list[str]:
    """Return the keys whose chosen value is the first or the last that was tried."""
    return [key for key in best if best[key] in (every[0][key], every[-1][key])]


def told(point: Point) -> str:
    """Return the values of a point with the last part of their keys: "lr 0.01"."""
    return " ".join(f"{key.rsplit('.', 1)[-1]} {value}" for key, value in point.items())


def score(tune: Tune, value: float | None) -> str:
    """Return a mean in its unit, or "diverged"."""
    kind = kind_of(tune.metric)
    if value is None or not isfinite(value):
        return NONE if value is None else "diverged"
    return f"{kind.scale * abs(value):.{kind.digits}f}" + (" %" if kind.scale == 100 else "")
