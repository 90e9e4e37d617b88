"""Settings chosen per variant before the claim, as the learning rate is: a study of its own.

Godbole et al., "Deep Learning Tuning Playbook", 2023: a comparison is of variants at the best of
their nuisance parameters. The choice is made on validation, with seeds that the claim has not.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from statistics import fmean
from typing import Any

from alexnet_lightning.studies.metrics import kind_of
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence, Row
from alexnet_lightning.studies.tables import NONE, filled

FOLDER = "tuning"  # of the trials, within the study's
Point = dict[str, Any]  # a value for each key of a grid
METHOD = (
    "Each variant got its own value before the runs above: the best mean of {metric} over {n} "
    "trial{s} with seeds of their own ({seeds}), on validation images only. A best value at the "
    "edge of its grid may not be the best there is."
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
    return replace(
        study, variants=variants, seeds=study.tune.seeds, overrides=study.overrides | own,
        questions=[], tune=None,
    )  # fmt: skip


def points(study: Study, variant: str) -> dict[str, Point]:
    """Return the points of a variant's grid by the name of their trial; none if it is not tuned."""
    grid = study.variants[variant].tune
    if grid is None:
        grid = study.tune.grid if study.tune else {}
    every = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return {f"{variant}-{index}": point for index, point in enumerate(every, 1) if point}


def scores(study: Study, rows: Sequence[Row], variant: str) -> dict[str, float]:
    """Return the mean of the metric by trial, of the trials that have all their seeds."""
    assert study.tune
    metric, found = study.tune.metric, {}
    for trial in points(study, variant):
        runs = [row for row in rows if row["variant"] == trial and row["seed"] in study.tune.seeds]
        worst = float("inf" if kind_of(metric).lower_is_better else "-inf")
        if len(runs) == len(study.tune.seeds):
            found[trial] = fmean(
                worst if "diverged_at_step" in row else row.get(metric, worst) for row in runs
            )
    return found


def chosen(study: Study, rows: Sequence[Row], variant: str) -> str | None:
    """Return the best trial of a variant; None before all its trials are finished."""
    found = scores(study, rows, variant)
    if not found or len(found) < len(points(study, variant)):
        return None
    assert study.tune
    pick = min if kind_of(study.tune.metric).lower_is_better else max
    return pick(found, key=lambda trial: found[trial])


def tuned(study: Study, rows: Sequence[Row]) -> Study | None:
    """Return the study with the chosen values; None before all trials are finished."""
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
        if not grid:
            continue
        best = chosen(study, evidence.tuning, name)
        tried = [f"{told(grid[trial])}: {score(tune.metric, found.get(trial))}" for trial in grid]
        edge = ", ".join(edges(list(grid.values()), grid[best])) if best else ""
        rows.append(
            [study.label(name), "; ".join(tried), told(grid[best]) if best else NONE, edge or NONE]
        )
    seeds = ", ".join(map(str, tune.seeds))
    n = len(tune.seeds)
    return [filled(*rows), METHOD.format(metric=tune.metric, n=n, s="s" * (n > 1), seeds=seeds)]


def edges(every: Sequence[Point], best: Point) -> list[str]:
    """Return the keys whose chosen value is the lowest or the highest that was tried."""
    sides = {key: [point[key] for point in every] for key in best}
    return [key for key in best if best[key] in (sides[key][0], sides[key][-1])]


def told(point: Point) -> str:
    """Return the values of a point, of several keys with the last part of their names."""
    if len(point) == 1:
        return str(*point.values())
    return " ".join(f"{key.rsplit('.', 1)[-1]} {value}" for key, value in point.items())


def score(metric: str, value: float | None) -> str:
    """Return a mean in its unit; "diverged"."""
    if value is None:
        return NONE
    kind = kind_of(metric)
    if abs(value) == float("inf"):
        return "diverged"
    return f"{kind.scale * value:.{kind.digits}f}" + (" %" if kind.scale == 100 else "")
