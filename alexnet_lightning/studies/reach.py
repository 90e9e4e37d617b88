"""How many epochs each variant takes to reach a level, as in the paper's figure 1."""

from alexnet_lightning.studies.intervals import estimate
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.tables import NONE, shown, table


def reach(study: Study, evidence: Evidence) -> str:
    """Return a line per metric and level: epochs to it, and their ratio to the first variant's."""
    first, *others = study.variants
    header = ["training curve", *map(study.label, study.variants)]
    header += [f"{study.label(name)} over {study.label(first)}" for name in others]
    rows = []
    for metric, levels in study.reach.items():
        for level in levels:
            found = {name: reached(evidence, name, metric, level) for name in study.variants}
            what = f"{metric.split('/')[0]} error {100 * (1 - level):.3g} %"
            cells = [epochs_cell(evidence, epochs, name) for name, epochs in found.items()]
            rows.append([what, *cells, *(ratio_cell(found[name], found[first]) for name in others)])
    return table(header, rows)


def reached(evidence: Evidence, variant: str, metric: str, level: float) -> dict[int, float]:
    """Return by seed after how many epochs a variant's runs reach a level; those that do."""
    # A training metric is the average over its epoch: it belongs to the middle.
    offset = 0.5 if metric.startswith("train/") else 1.0
    found = {
        seed: epochs_to(evidence.curve(variant, seed, metric), level, offset)
        for seed in evidence.by_seed(variant, "epochs")
    }
    return {seed: epochs for seed, epochs in found.items() if epochs is not None}


def epochs_to(curve: dict[int, float], level: float, offset: float) -> float | None:
    """Return after how many epochs a metric rises to a level; None if it never does.

    Between two epochs along a straight line.

    Args:
        curve: values by epoch, counted from 1.
        level: between the values.
        offset: when within its epoch a value counts: 1 at the end, 1/2 for an average over it.
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


def epochs_cell(evidence: Evidence, found: dict[int, float], variant: str) -> str:
    """Return the mean number of epochs, and how many runs never reach the level."""
    runs = evidence.by_seed(variant, "epochs")
    if not found:
        return f"not in {max(runs.values(), default=0):.0f}"
    missing = len(runs) - len(found)
    return shown(estimate(list(found.values()))) + (f" ({missing} never)" if missing else "")


def ratio_cell(of: dict[int, float], against: dict[int, float]) -> str:
    """Return how many times as long one variant takes as the other, seed by seed."""
    ratios = [of[seed] / against[seed] for seed in of if seed in against]
    return f"{shown(estimate(ratios))} times" if ratios else NONE
