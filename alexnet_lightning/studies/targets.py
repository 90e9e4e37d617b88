"""Levels of accuracy that variants are to pass: are they, and at what cost?"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from alexnet_lightning.studies.csv_rows import Row
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence, operations
from alexnet_lightning.studies.statistics import Estimate, estimate
from alexnet_lightning.studies.tables import NONE, duration, filled, probability, shown

SURE = 0.01  # p of the one-sided test; cifar10-airbench asks the same of its records
METHOD = (
    "A target is passed if a one-sided t test over the seeds shows that the mean test top-1 "
    f"accuracy lies above it (p < {SURE}). Training time is the mean of the runs. Operations are "
    "two per multiply-add, three passes (forward and two backward) over all training images of all "
    "epochs at the full image size, or as OperationCount counts them. Rate is operations over "
    "time; the matrix rate is that of a large float32 product, measured before and after each "
    "training in its process."
)


@dataclass(frozen=True)
class Passed:
    """What the runs of a variant show of its target."""

    variant: str
    target: float  # accuracy, 0 to 1
    top1: Estimate  # of the test accuracies, 0 to 1
    rows: Sequence[Row]

    @property
    def p(self) -> float:
        """Probability of a mean so far above the target if the true one is the target."""
        return Estimate(self.top1.mean - self.target, self.top1.sd, self.top1.n).p_above

    @property
    def verdict(self) -> str:
        """Whether it is passed, in words."""
        if self.top1.n == 1:
            return "one run"
        if self.p < SURE:
            return "passed"
        return "above, not shown" if self.top1.mean > self.target else "below, not passed"


def passed(study: Study, evidence: Evidence) -> list[Passed]:
    """Return what there is of every variant that has a target and a run."""
    found = []
    for name, variant in study.variants.items():
        top1 = evidence.by_seed(name, "test/top1")
        if variant.target is not None and top1:
            rows = [row for row in evidence.runs if row["variant"] == name and row["seed"] in top1]
            found.append(Passed(name, variant.target, estimate([*top1.values()]), rows))
    return found


def report(study: Study, evidence: Evidence) -> list[str]:
    """Return the section of a report: a line per target, then a line per run; [] without any."""
    found = passed(study, evidence)
    if not found:
        return []
    lines = [["target", "variant", "n", "test top-1", "p", "verdict", "training time"]]
    for each in found:
        n, accuracies = each.top1.n, [100 * row["test/top1"] for row in each.rows]
        p = NONE if n == 1 else probability(each.p)
        target, top1 = f"{100 * each.target:.2f} %", f"{shown(accuracies)} %"
        time = duration(fmean(row["seconds"] for row in each.rows))
        lines.append([target, study.label(each.variant), str(n), top1, p, each.verdict, time])
    runs = [["run", "seed", "test top-1", "time", "operations", "rate", "matrix rate", "commit"]]
    for row in (row for each in found for row in each.rows):
        runs.append([study.label(row["variant"]), str(row["seed"]), *costs_of(row)])
    versions = sorted({str(row["versions"]) for each in found for row in each.rows})
    data = sorted({str(row.get("data/fingerprint", NONE)) for each in found for row in each.rows})
    ran = f"Versions: {'; '.join(versions)}. Fingerprint of the data: {', '.join(data)}."
    return [filled(*lines), METHOD, filled(*runs), ran]


def costs_of(row: Row) -> list[str]:
    """Return the cells of a run: accuracy, time, operations, rates, commit."""
    total = operations(row)
    rates = [row.get(f"machine/gflops_{when}") for when in ("before", "after")]
    return [
        f"{row['test/top1']:.2%}",
        duration(row["seconds"]),
        NONE if total is None else f"{total / 1e15:.3f} PFLOP",
        NONE if total is None else f"{total / row['seconds'] / 1e9:.0f} GFLOP/s",
        NONE if None in rates else f"{rates[0]:.0f}, {rates[1]:.0f} GFLOP/s",
        str(row["git_commit"])[:7],
    ]
