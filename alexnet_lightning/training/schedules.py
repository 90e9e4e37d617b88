"""Learning-rate schedules that torch does not have."""

import math
from math import cos, pi
from typing import Literal

from lightning.pytorch.cli import ReduceLROnPlateau
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class Plateau(ReduceLROnPlateau):
    """Divide the rate when a validation figure stops improving, as the paper did by hand.

    Source: Krizhevsky et al. 2012, section 5: divided by 10 when the validation error stopped
    improving, three times before the end.

    Args:
        monitor: logged figure of the validation, "val/loss" or "val/top1".
        mode: "min" where less of it is better, "max" where more is.
        factor: the rate is multiplied by it, between 0 and 1.
        patience: validations without improvement before the rate is lowered.
        threshold: relative improvement that counts as one.
        min_lr: lower bound of the rate.
        max_reductions: how often the rate is lowered, >= 0; training ends where it would be once
            more. 3 in the paper; null lowers it until the last epoch.

    Raises:
        ValueError: `max_reductions` is negative.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 5,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
        max_reductions: int | None = None,
    ) -> None:
        if max_reductions is not None and max_reductions < 0:
            raise ValueError(f"max_reductions is {max_reductions}: give a number >= 0, or null")
        super().__init__(
            optimizer,
            monitor,
            mode=mode,
            factor=factor,
            patience=patience,
            threshold=threshold,
            min_lr=min_lr,
        )
        self.max_reductions = max_reductions
        self.reductions = 0
        self.finished = False  # ImageClassifier ends the training when it is true

    # torch has no public hook between "no more improvement" and the lower rate.
    def _reduce_lr(self, epoch: int) -> None:
        if self.reductions == self.max_reductions:
            self.finished = True
            return
        self.reductions += 1
        super()._reduce_lr(epoch)


class WarmupCosine(LRScheduler):
    """Raise the rate in a straight line, then lower it along half a cosine.

        lr(t) = lr · (t + 1) / (W + 1)                                       for t < W = w · T
        lr(t) = lr · (f + (1 - f) · (1 + cos(pi · (t - W) / (T - W))) / 2)   from there on

    Source: Loshchilov and Hutter, "SGDR", 2017, without restarts; warm-up: Goyal et al., "Accurate,
    Large Minibatch SGD", 2017.

    Args:
        warmup_fraction: w, fraction of the steps in which the rate rises, from 0 to less than 1.
        final_lr_factor: f, what the rate ends near, over the optimizer's, from 0 to 1.
        total_steps: T; null takes the steps of the whole run.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_fraction: float = 0.05,
        final_lr_factor: float = 0.0,
        total_steps: int | None = None,
    ) -> None:
        if not 0 <= warmup_fraction < 1:
            raise ValueError(f"warmup_fraction is {warmup_fraction}: give a number in [0, 1)")
        if not 0 <= final_lr_factor <= 1:
            raise ValueError(f"final_lr_factor is {final_lr_factor}: give a number in [0, 1]")
        if total_steps is None or total_steps < 1:
            raise ValueError(f"total_steps is {total_steps}: give a number >= 1")
        self.total_steps = total_steps
        self.warmup_fraction = warmup_fraction
        self.final_lr_factor = final_lr_factor
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        groups = zip(self.base_lrs, self.optimizer.param_groups, strict=False)
        return [
            rate * self.factor(self.last_epoch, group.get("steps", self.total_steps))
            for rate, group in groups
        ]

    def factor(self, step: int, total: float) -> float:
        """Return the rate at a step, counted from 0 to `total`, over the optimizer's."""
        warmup = int(self.warmup_fraction * total)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        height = self.height(min((step - warmup) / (total - warmup), 1.0))
        return self.final_lr_factor + (1 - self.final_lr_factor) * height

    def height(self, done: float) -> float:
        """Return how high the falling part still is, 1 to 0, when a fraction of it is done."""
        return (1 + cos(pi * done)) / 2


class WarmupLinear(WarmupCosine):
    """Raise the rate in a straight line, then lower it in one: `WarmupCosine` without the curve.

        lr(t) = lr · (f + (1 - f) · (T - t) / (T - W))   for t >= W

    Source: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024; airbench94_muon.py has
    no warm-up and ends at 0.

    Args:
        warmup_fraction: w, fraction of the steps in which the rate rises, from 0 to less than 1.
        final_lr_factor: f, what the rate ends near, over the optimizer's, from 0 to 1.
        total_steps: T; null takes the steps of the whole run.
    """

    def height(self, done: float) -> float:
        return 1 - done


class WarmupPolynomial(WarmupCosine):
    """Raise the rate in a straight line, then lower it along a power of the time that is left.

        lr(t) = lr · (f + (1 - f) · ((T - t) / (T - W))^power)   for t >= W

    torch's PolynomialLR over the steps of the run. Source: Caffe's policy "poly"; Mishkin et al.
    2017 compare powers of 1/2, 1 and 2 with steps.

    Args:
        power: > 0; 1/2 falls late, 2 early.
        warmup_fraction: w, fraction of the steps in which the rate rises, from 0 to less than 1.
        final_lr_factor: f, what the rate ends near, over the optimizer's, from 0 to 1.
        total_steps: T; null takes the steps of the whole run.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        power: float = 1.0,
        warmup_fraction: float = 0.05,
        final_lr_factor: float = 0.0,
        total_steps: int | None = None,
    ) -> None:
        if not 0 < power < math.inf:
            raise ValueError(f"power is {power}: give a number > 0")
        self.power = power
        super().__init__(optimizer, warmup_fraction, final_lr_factor, total_steps)

    def height(self, done: float) -> float:
        height: float = (1 - done) ** self.power
        return height
