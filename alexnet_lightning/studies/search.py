"""How a W&B sweep goes through a study: every run, or a search that stops those that fall behind.

The keys are W&B's own: https://docs.wandb.ai/models/sweeps/sweep-config-keys
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

from alexnet_lightning.system.errors import UserError

HYPERBAND = ("type", "min_iter", "max_iter", "s", "eta", "strict")


@dataclass(frozen=True)
class Sweep:
    """What `study --sweep` writes in addition to the variants and seeds.

    Hyperband (Li et al., 2017): at `min_iter` validations, and at each `eta` times as many, a run
    whose metric is not among the best 1 / `eta` so far is stopped.
    """

    method: Literal["grid", "random", "bayes"] = "grid"
    run_cap: int | None = None  # runs at most; needed by random and bayes, which never end else
    # Flags of `fit`, each with `values`, or `min`, `max` and a `distribution`.
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    early_terminate: dict[str, Any] | None = None  # as {type: hyperband, min_iter: 3}

    def keys(self) -> dict[str, Any]:
        """Return what the sweep's file says of it, without its parameters."""
        cap = {"run_cap": self.run_cap} if self.run_cap else {}
        stop = {"early_terminate": self.early_terminate} if self.early_terminate else {}
        return {"method": self.method, **cap, **stop}

    def runs(self, of_study: int) -> int:
        """Return the number of runs at most, of a study that has so many."""
        if self.method != "grid" and self.run_cap:
            return self.run_cap
        combinations = of_study * prod(len(each["values"]) for each in self.parameters.values())
        return min(combinations, self.run_cap or combinations)


def check_sweep(sweep: Sweep) -> None:
    """Raise a UserError for what W&B would refuse, or would never come to an end with."""
    if sweep.run_cap is not None and sweep.run_cap < 1:
        raise UserError(f"sweep.run_cap: {sweep.run_cap}: give a number >= 1")
    if sweep.method != "grid" and sweep.run_cap is None:
        raise UserError(f"sweep.run_cap: {sweep.method} does not end by itself: give a number")
    for key, given in sweep.parameters.items():
        if not ({"values"} == given.keys() or {"min", "max"} <= given.keys()):
            raise UserError(f"sweep.parameters.{key}: give values, or min and max")
        if sweep.method == "grid" and "values" not in given:
            raise UserError(
                f"sweep.parameters.{key}: a grid needs values; give them, or method random or bayes"
            )
    stop = sweep.early_terminate
    if stop is None:
        return
    if unknown := [key for key in stop if key not in HYPERBAND]:
        raise UserError(
            f"sweep.early_terminate: {unknown[0]}: no such key; there are {', '.join(HYPERBAND)}"
        )
    if stop.get("type") != "hyperband":
        raise UserError(f"sweep.early_terminate: type {stop.get('type')}: give hyperband")
    if not ("min_iter" in stop or {"max_iter", "s"} <= stop.keys()):
        raise UserError("sweep.early_terminate: give min_iter, or max_iter and s")
