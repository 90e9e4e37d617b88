"""How long each variant takes to come to a level, as in the paper's figure 1."""

from alexnet_lightning.studies.intervals import estimate
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.tables import NONE, label, shown, table


def reach(study: Study, evidence: Evidence) -> str:
    """Return a line a figure and level: epochs to it by variant, and how many times the first's."""
    first, *others = study.variants
    header = ["training curve", *(label(study, name) for name in study.variants)]
    header += [f"{label(study, name)} over {label(study, first)}" for name in others]
    rows = []
    for metric, levels in study.reach.items():
        for level in levels:
            found = {name: reached(evidence, name, metric, level) for name in study.variants}
            cells = [epochs_cell(evidence, found[name], name) for name in study.variants]
            cells += [ratio_cell(found[name], found[first]) for name in others]
            what = f"{metric.split('/')[0]} error {100 * (1 - level):.3g} %"
            rows.append([what, *cells])
    return table(header, rows)


def reached(evidence: Evidence, variant: str, metric: str, level: float) -> dict[int, float]:
    """Return after how many epochs each run of a variant comes to a level; those that do."""
    seeds = evidence.by_seed(variant, "seconds")
    place = 0.5 if metric.startswith("train/") else 1.0
    found = {seed: epochs_to(evidence.curve(variant, seed, metric), level, place) for seed in seeds}
    return {seed: epochs for seed, epochs in found.items() if epochs is not None}


def epochs_to(curve: dict[int, float], level: float, place: float) -> float | None:
    """Return after how many epochs a figure comes to a level; None if it never does.

    Between two epochs along a straight line.

    Args:
        curve: a figure by epoch, from 1.
        level: that it rises to.
        place: where in its epoch a figure belongs: 1 at the end, 1/2 for a mean over all of it.
    """
    before: tuple[int, float] | None = None
    for epoch, value in sorted(curve.items()):
        if value >= level:
            if before is None:
                return epoch - 1 + place
            step = (level - before[1]) / (value - before[1])
            return before[0] - 1 + place + step * (epoch - before[0])
        before = (epoch, value)
    return None


def epochs_cell(evidence: Evidence, found: dict[int, float], variant: str) -> str:
    """Return the mean number of epochs, and how many runs never came so far."""
    runs = evidence.by_seed(variant, "epochs")
    missing = len(runs) - len(found)
    if not found:
        return f"not in {max(runs.values(), default=0):.0f}"
    return shown(estimate(list(found.values()))) + (f" ({missing} never)" if missing else "")


def ratio_cell(of: dict[int, float], against: dict[int, float]) -> str:
    """Return how many times as long one takes as the other, seed by seed."""
    ratios = [of[seed] / against[seed] for seed in of if seed in against]
    return f"{shown(estimate(ratios))} times" if ratios else NONE
