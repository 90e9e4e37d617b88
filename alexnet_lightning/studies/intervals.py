"""What a few seeds tell: a mean with its interval, and the difference of two variants."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean over n seeds and half the width of its interval at `LEVEL`; None for one seed."""

    mean: float
    half: float | None
    n: int


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of n >= 1 independent values and its interval by Student's t.

    mean ± t(n - 1) · s / √n
    """
    n, mean = len(values), fmean(values)
    if n == 1:
        return Estimate(mean, None, 1)
    # Not scipy's ttest_1samp, which warns of equal values: a network at chance has those.
    from scipy.stats import t

    quantile = float(t.ppf((1 + LEVEL) / 2, n - 1))
    return Estimate(mean, quantile * stdev(values) / math.sqrt(n), n)


def paired(of: Mapping[int, float], against: Mapping[int, float]) -> Estimate | None:
    """Return the mean of `of` - `against` over the seeds that both have; None if there is none.

    Two runs with the same seed share the split, the order of the images and their crops.
    """
    shared = [seed for seed in of if seed in against]
    return estimate([of[seed] - against[seed] for seed in shared]) if shared else None


def verdict(difference: Estimate) -> str:
    """Return in words what a difference of accuracies in percentage points shows."""
    mean, half, n = difference
    if half is None:
        return f"one run: {mean:+.2f} points, no interval"
    if abs(mean) <= half:
        return f"no difference shown ({mean:+.2f} ± {half:.2f} points, n = {n})"
    word = "gains" if mean > 0 else "loses"
    return f"{word} {abs(mean):.2f} ± {half:.2f} points, n = {n}"
