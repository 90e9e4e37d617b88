"""What a few seeds tell: a mean with its interval, and the difference of two variants."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean over seeds.

    Args:
        mean: of the values.
        half: half the width of its interval at `LEVEL`; None for a single value.
        n: how many values.
    """

    mean: float
    half: float | None
    n: int

    @property
    def holds_zero(self) -> bool:
        """Tell whether the interval holds zero, ends included; a single value has none."""
        return self.half is not None and abs(self.mean) <= self.half


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of independent values and its interval by Student's t.

    mean ± t(n - 1) · s / √n

    Args:
        values: n >= 1 finite numbers.
    """
    n, mean = len(values), fmean(values)
    if n == 1:
        return Estimate(mean, None, 1)
    from scipy.stats import t

    quantile = float(t.ppf((1 + LEVEL) / 2, n - 1))
    return Estimate(mean, quantile * stdev(values) / math.sqrt(n), n)


def paired(of: Mapping[int, float], against: Mapping[int, float]) -> Estimate | None:
    """Return the mean of `of` - `against` over the seeds that both have; None if there is none.

    Two runs of a seed share the split, the order of the images and their crops, which so drop out.

    Args:
        of: values by seed.
        against: values by seed.
    """
    shared = [seed for seed in of if seed in against]
    return estimate([of[seed] - against[seed] for seed in shared]) if shared else None


def verdict(difference: Estimate, unit: str = "points") -> str:
    """Return in words what a difference shows.

    Args:
        difference: of a figure of which more is better.
        unit: of the figure.
    """
    size = f"{abs(difference.mean):.2f}"
    if difference.half is None:
        return f"one run: {difference.mean:+.2f} {unit}, no interval"
    if difference.holds_zero:
        interval = f"{difference.mean:+.2f} ± {difference.half:.2f}"
        return f"no difference shown ({interval} {unit}, n = {difference.n})"
    word = "gains" if difference.mean > 0 else "loses"
    return f"{word} {size} ± {difference.half:.2f} {unit}, n = {difference.n}"
