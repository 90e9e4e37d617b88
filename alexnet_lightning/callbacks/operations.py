"""The operations of a training, counted as torch carries them out."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.flop_counter import FlopCounterMode


class OperationCount(Callback):
    """Log `train/operations` at each epoch's end: those of the training up to there.

    Two per multiply-add of convolutions and matrix products, forward, backward and in the
    optimizer's step, of all processes. Smaller images, layers that are no longer trained and
    images that are left out are counted as what they cost. torch counts the first batch of each
    epoch, and after a resume; the others are taken for the same per image. Of a compiled network
    that batch runs as if it were not; where gradients accumulate it makes no step, and the
    optimizer's operations are left out.
    """

    # No Onlooker: those come after the checkpoints, which would lack the last batch.

    def __init__(self) -> None:
        self._counter: FlopCounterMode | None = None
        self._per_image = 0.0
        self._so_far = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0 or self._per_image == 0:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        images = len(batch[0])
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._per_image = self._counter.get_total_flops() / images
            self._counter = None
        self._so_far += self._per_image * images * trainer.world_size

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Every process counts its own for all of them.
        pl_module.log("train/operations", self._so_far, sync_dist=True)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._counter = None

    def state_dict(self) -> dict[str, Any]:
        return {"so_far": self._so_far}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._so_far = state_dict["so_far"]
