"""Means over seeds: intervals, tests, and how many seeds it takes; all by Student's t."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

ALPHA, POWER = 0.05, 0.8
PESSIMISM = 0.8  # Browne 1995: plan with this upper confidence limit of a pilot's deviation


@dataclass(frozen=True)
class Estimate:
    """The mean of n values, one per seed, and their standard deviation; nan for one value."""

    mean: float
    sd: float
    n: int

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.n)

    @property
    def half(self) -> float:
        """Half the width of the 95 % interval, t(n - 1) · s / √n; nan for one value."""
        return self._quantile(self.n) * self.error

    @property
    def p(self) -> float:
        """Probability of a mean this far from zero if the true one is zero, two-sided."""
        return 2 * self._beyond(abs(self.mean))

    @property
    def p_above(self) -> float:
        """Probability of a mean this far above zero if the true one is zero, one-sided."""
        return self._beyond(self.mean)

    def p_within(self, margin: float) -> float:
        """Two one-sided tests (Schuirmann 1987): small if the true mean is within ± margin."""
        return max(self._beyond(margin - self.mean), self._beyond(margin + self.mean))

    @property
    def detectable(self) -> float:
        """The true mean that n values like these show with a power of 80 %."""
        from scipy.optimize import brentq
        from scipy.stats import chi2, norm

        # Over the distribution of s; scipy's noncentral t is nan for few values and large shifts.
        chances, df = (np.arange(4000) + 0.5) / 4000, self.n - 1
        limits = self._quantile(self.n) * np.sqrt(chi2.ppf(chances, df) / df)

        def power(shift: float) -> float:  # of a mean of so many standard errors
            return float(np.mean(norm.sf(limits - shift) + norm.cdf(-limits - shift)))

        return float(brentq(lambda shift: power(shift) - POWER, 0, 100)) * self.error

    @property
    def upper_sd(self) -> float:
        """Upper 80 % confidence limit of the standard deviation."""
        from scipy.stats import chi2

        return self.sd * math.sqrt((self.n - 1) / float(chi2.ppf(1 - PESSIMISM, self.n - 1)))

    @classmethod
    def values_for(cls, half: float, sd: float) -> int:
        """Return the least number of values whose interval is no wider than ± half."""
        from scipy.stats import norm

        least = math.ceil((float(norm.ppf(1 - ALPHA / 2)) * sd / half) ** 2)  # t is never less
        return next(n for n in count(max(2, least)) if cls(0.0, sd, n).half <= half)

    @staticmethod
    def _quantile(n: int) -> float:
        from scipy.stats import t

        return float(t.ppf(1 - ALPHA / 2, n - 1))

    def _beyond(self, distance: float) -> float:
        """Return the probability of t > distance / error; networks at chance have no error."""
        from scipy.stats import t

        if self.error == 0:
            return 0.5 if distance == 0 else float(distance < 0)
        return float(t.sf(distance / self.error, self.n - 1))


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of n >= 1 values with their standard deviation."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return Estimate(float(np.mean(values)), deviation, len(values))


def paired(of: Mapping[int, float], against: Mapping[int, float]) -> Estimate | None:
    """Return the mean of `of` - `against` over the seeds that both have; None if there is none."""
    shared = [seed for seed in of if seed in against]
    return estimate([of[seed] - against[seed] for seed in shared]) if shared else None


def holm(probabilities: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number: Holm 1979, step-down."""
    p = np.array(probabilities)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(each) for each in corrected]


def binomial_error(accuracy: float, images: int) -> float:
    """Return the standard error that the choice of test images gives an accuracy: √(p(1 - p)/n)."""
    return math.sqrt(accuracy * (1 - accuracy) / images)
