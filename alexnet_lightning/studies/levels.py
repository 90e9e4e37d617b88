"""The metrics of a study's runs by seed, and after what time a curve reaches a level."""

import math
from itertools import accumulate

import numpy as np

from alexnet_lightning.studies.metrics import TO_LEVEL, kind_of
from alexnet_lightning.studies.rows import Evidence


def values(evidence: Evidence, variant: str, metric: str) -> dict[int, float]:
    """Return a metric of a variant's runs by seed, in its unit; without runs that have none."""
    scale = kind_of(metric).scale
    if to := TO_LEVEL.fullmatch(metric):
        found = reached(evidence, variant, to[2], float(to[3]), to[1])
    else:
        found = evidence.by_seed(variant, metric)
    return {seed: scale * value for seed, value in found.items() if math.isfinite(value)}


def reached(
    evidence: Evidence, variant: str, metric: str, level: float, unit: str = "epochs"
) -> dict[int, float]:
    """Return by seed after how many epochs, seconds or operations a curve reaches a level, if so.

    Without those runs that have no such figure.
    """
    # A training metric is the average over its epoch: it belongs to the middle.
    offset = 0.5 if metric.startswith("train/") else 1.0
    sign = -1 if metric.endswith("/loss") else 1  # a loss falls to its level
    found = {}
    for seed in evidence.by_seed(variant, "epochs"):
        rising = {epoch: sign * y for epoch, y in evidence.curve(variant, seed, metric).items()}
        at = epochs_to(rising, sign * level, offset)
        if at is not None:
            found[seed] = at
    if unit == "epochs":
        return found
    of_seconds = unit == "seconds"
    ends = ends_of_epochs(evidence, variant) if of_seconds else evidence.operations_until(variant)
    until = {seed: {0: 0.0} | ends[seed] for seed in found if seed in ends}
    return {
        seed: float(np.interp(found[seed], [*each], [*each.values()]))
        for seed, each in until.items()
    }


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


def ends_of_epochs(evidence: Evidence, variant: str) -> dict[int, dict[int, float]]:
    """Return by seed and epoch the seconds after which the epoch ended.

    Each has a fraction proportional to 1 / (images per second); equal ones where a rate is missing.
    """
    ends = {}
    for seed, seconds in evidence.by_seed(variant, "seconds").items():
        curves = (evidence.curve(variant, seed, f"{of}/top1") for of in ("val", "train"))
        epochs = next(filter(None, curves), {})  # of training where none was validated
        rates = evidence.curve(variant, seed, "train/images_per_second")
        times = [1 / rates[epoch] if set(epochs) <= set(rates) else 1.0 for epoch in epochs]
        until = (seconds * time / sum(times) for time in accumulate(times))
        if epochs:
            ends[seed] = dict(zip(epochs, until, strict=True))
    return ends
