"""What runs are compared by: the kinds of metrics, their units, and which way is better."""

import math
import re
from dataclasses import dataclass

from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class Kind:
    """How differences of a kind of metric are told."""

    unit: str
    better: str  # the verb of a difference for the better
    worse: str
    lower_is_better: bool = True
    scale: float = 1  # from the figure in the rows to the unit
    digits: int = 2
    margin: float | None = None  # within it two sides are equivalent; None: a question gives one
    most: float = math.inf  # no difference can be larger


OF = r"(train|val|last_val|test( [\w-]+)?)"  # test NAME: a further test of a study
KINDS = {
    rf"{OF}/top\d+|val/(features|penultimate)_knn5": Kind(
        "points", "gains", "loses", lower_is_better=False, scale=100, margin=1.0, most=100
    ),
    rf"{OF}/loss": Kind("nats", "lowers it by", "raises it by", digits=3),
    r"seconds( to .+)?": Kind("s", "saves", "costs", digits=1),
    r"epochs to .+": Kind("epochs", "saves", "costs"),
    r"operations to .+": Kind("PFLOP", "saves", "costs", scale=1e-15, digits=4),
}
TO_LEVEL = re.compile(r"(epochs|seconds|operations) to ((?:train|val)/(?:loss|top1)) (\d*\.?\d+)")


def kind_of(metric: str) -> Kind:
    """Return what kind a metric is; UserError if it is none."""
    found = [kind for pattern, kind in KINDS.items() if re.fullmatch(pattern, metric)]
    if not found or (" to " in metric and not TO_LEVEL.fullmatch(metric)):
        raise UserError(
            f"metric {metric}: give an accuracy (test/top1), a loss (val/loss, last_val/loss, "
            "train/loss), seconds, or epochs, seconds or operations to a level (epochs to "
            "val/top1 0.6)"
        )
    return found[0]
