"""A loss that is not finite: the training stops before a checkpoint of it, or says so."""

import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import LAST


class DivergedError(UserError):
    """The loss is not finite any more; the checkpoints from before are whole."""


class Divergence(Callback):
    """Raise `DivergedError` at a training, validation or test loss that is not finite.

    The losses of steps stay on the device until one is logged, an epoch ends or a checkpoint is
    written: the host waits for none of them.

    Args:
        allowed: whether the training goes on; `step` then tells of it.
    """

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self.step: int | None = None  # the first, from 1
        self._seen: list[tuple[int, float, Tensor]] = []  # step, learning rate and loss

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]  # before the schedule steps

    def on_train_batch_end(self, trainer: Trainer, _: Any, outputs: Any, *rest: Any) -> None:
        self._seen.append((trainer.global_step, float(self._rate), outputs["loss"]))
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and trainer.global_step % every == 0:
            self._check_steps(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check_steps(trainer)

    def on_save_checkpoint(self, trainer: Trainer, *_: Any) -> None:
        self._check_steps(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._check(trainer, "val/loss")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check(trainer, "test/loss")

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step} if self.step else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.step = state_dict["step"]

    def _check_steps(self, trainer: Trainer) -> None:
        seen, self._seen = self._seen, []
        if not seen:
            return
        losses = torch.stack([loss for _, _, loss in seen]).tolist()
        bad = [index for index, loss in enumerate(losses) if not math.isfinite(loss)]
        if trainer.strategy.reduce_boolean_decision(bool(bad), all=False):  # or one would go on
            at = bad[0] if bad else -1
            step, rate, _ = seen[at]
            where = f"at step {step}, with a learning rate of {rate:g}"
            self._found(trainer, step, f"the training loss is {losses[at]} {where}")

    def _check(self, trainer: Trainer, name: str) -> None:
        loss = float(trainer.callback_metrics.get(name, 0.0))
        if not math.isfinite(loss):
            step = trainer.global_step
            self._found(trainer, step, f"{name} is {loss} after step {step}")

    def _found(self, trainer: Trainer, step: int, what: str) -> None:
        self.step = self.step or step
        if self.allowed:
            return
        folder = Path(trainer.default_root_dir) / "checkpoints"
        kept = f"is kept in {folder}" if (folder / LAST).is_file() else "has no checkpoint"
        raise DivergedError(
            f"{what}: the training has diverged; what stood before {kept}; lower "
            "--model.optimizer.lr, or let it go on with --allow_divergence true"
        )
