"""Progress for a log file: one line per epoch in place of a bar."""

import time

from lightning.pytorch import LightningModule, Trainer

from alexnet_lightning.training.onlookers import Onlooker


class EpochLines(Onlooker):
    """Print loss and top-1 accuracy of each epoch and its seconds, on rank zero."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._validated = False  # since the last line

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began = time.monotonic()  # a resumed epoch does not start again

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only now are all figures of the epoch before logged.
        if "train/loss" in trainer.callback_metrics:
            self._line(trainer, trainer.current_epoch)
        self._began = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._line(trainer, trainer.current_epoch)

    def _line(self, trainer: Trainer, epoch: int) -> None:
        if self._began is None or not trainer.is_global_zero:
            return
        seconds, self._began = time.monotonic() - self._began, None
        total = "" if trainer.max_epochs in (None, -1) else f"/{trainer.max_epochs}"
        words = [f"epoch {epoch}{total}"]
        for split in ("train", "val") if self._validated else ("train",):
            if (loss := trainer.callback_metrics.get(f"{split}/loss")) is not None:
                words.append(f"{split} loss {loss:.4f}")
            if (top1 := trainer.callback_metrics.get(f"{split}/top1")) is not None:
                words.append(f"top-1 {top1:.2%}")
        self._validated = False
        print("  ".join([*words, f"{seconds:.1f} s"]), flush=True)
