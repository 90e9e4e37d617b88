"""Does the order of a source's accuracies hold here? Its differences to a baseline beside ours."""

import math
from dataclasses import dataclass

from alexnet_lightning.studies.levels import values
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.statistics import Estimate, paired
from alexnet_lightning.studies.tables import NONE, probability, table

METRIC = "test/top1"
FEWEST = 4  # variants; fewer give no interval


@dataclass(frozen=True)
class Pair:
    """A variant's differences to the baseline, in points of accuracy."""

    variant: str
    theirs: float
    ours: Estimate


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation, and the two-sided p of no correlation, over n variants."""

    rho: float
    p: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of rho (Bonett and Wright 2000); of 1 or -1 that value alone."""
        half = 1.959964 * math.sqrt((1 + self.rho**2 / 2) / (self.n - 3))
        middle = math.atanh(self.rho) if abs(self.rho) < 1 else math.copysign(math.inf, self.rho)
        return math.tanh(middle - half), math.tanh(middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        interval = f"95 % interval {low:+.2f} to {high:+.2f}"
        return f"{self.rho:+.2f} ({interval}), p {probability(self.p, '= ')}, n = {self.n}"


def baseline(study: Study) -> str | None:
    """Return the first variant with a published accuracy; None if there is none."""
    return next((name for name, each in study.variants.items() if each.published is not None), None)


def pairs(study: Study, evidence: Evidence) -> list[Pair]:
    """Return the differences of all variants that the source and the runs have, but the baseline's.

    Ours are taken seed by seed.
    """
    base = baseline(study)
    if base is None:
        return []
    reference, at_base = values(evidence, base, METRIC), study.variants[base].published or 0.0
    found = []
    for name, variant in study.variants.items():
        ours = paired(values(evidence, name, METRIC), reference)
        if name != base and variant.published is not None and ours is not None:
            found.append(Pair(name, 100 * (variant.published - at_base), ours))
    return found


def correlation(found: list[Pair]) -> Correlation | None:
    """Return the rank correlation of theirs and ours; None if there is no order to compare."""
    from scipy.stats import spearmanr

    theirs, ours = [each.theirs for each in found], [each.ours.mean for each in found]
    if len(found) < FEWEST or 1 in (len(set(theirs)), len(set(ours))):
        return None
    result = spearmanr(theirs, ours)
    return Correlation(float(result.statistic), float(result.pvalue), len(found))


def report(study: Study, evidence: Evidence) -> list[str]:
    """Return the correlation in words and the table of both columns; empty without `published`."""
    base, found = baseline(study), pairs(study, evidence)
    if base is None or not found:
        return []
    header = ["variant", "published", "its difference", "n", "ours", "our difference"]
    accuracy = study.variants[base].published or 0.0
    means = {name: mean(values(evidence, name, METRIC)) for name in study.variants}
    rows = [[study.label(base), f"{100 * accuracy:.1f} %", NONE, NONE, means[base], NONE]]
    for each in sorted(found, key=lambda pair: -pair.theirs):
        half = "" if math.isnan(each.ours.half) else f" ± {each.ours.half:.2f}"
        theirs = f"{accuracy * 100 + each.theirs:.1f} %", f"{each.theirs:+.1f}"
        ours = means[each.variant], f"{each.ours.mean:+.2f}{half}"
        rows.append([study.label(each.variant), *theirs, str(each.ours.n), *ours])
    return [sentence(study.label(base), correlation(found)), table(header, rows)]


def sentence(base: str, found: Correlation | None) -> str:
    """Return the correlation in words."""
    start = f"Differences in test top-1 accuracy to {base}, in points, the source's and ours"
    if found is None:
        return f"{start}: no rank correlation, since there are too few variants or no order."
    return f"{start}: **Spearman's rank correlation is {found} variants**."


def mean(accuracies: dict[int, float]) -> str:
    """Return the mean accuracy, in percent."""
    if not accuracies:
        return NONE
    return f"{sum(accuracies.values()) / len(accuracies):.2f} %"
