"""Learning-rate schedules that torch does not have."""

from typing import Literal

from lightning.pytorch.cli import ReduceLROnPlateau
from torch.optim import Optimizer


class Plateau(ReduceLROnPlateau):
    """Divide the rate when a validation figure stops improving, as the paper did by hand.

    Source: Krizhevsky et al. 2012, section 5: divided by 10 when the validation error stopped
    improving, three times before the end.

    Args:
        monitor: logged figure of the validation, "val/loss" or "val/top1".
        mode: "min" where less of it is better, "max" where more is.
        factor: the rate is multiplied by it, between 0 and 1.
        patience: validations without improvement that are put up with.
        threshold: relative improvement that counts as one.
        min_lr: the rate is never lowered under it.
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
    ) -> None:
        super().__init__(
            optimizer,
            monitor,
            mode=mode,
            factor=factor,
            patience=patience,
            threshold=threshold,
            min_lr=min_lr,
        )
