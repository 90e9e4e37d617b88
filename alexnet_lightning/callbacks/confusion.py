"""The confusion matrix of a test and the accuracy of each class."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from alexnet_lightning.callbacks import saving
from alexnet_lightning.plots.confusion import confusion_figure
from alexnet_lightning.training.onlookers import Onlooker


class ConfusionMatrix(Onlooker):
    """Write `figures/confusion.png` and `figures/per_class_accuracy.csv` of a test; show both.

    Counted on all ranks from the `logits` (N, K) and `targets` (N,) that `test_step` returns.
    """

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self._matrix = MulticlassConfusionMatrix(data.num_classes).to(pl_module.device)

    def on_test_batch_end(self, trainer: Trainer, _: Any, outputs: Any, *rest: Any) -> None:
        self._matrix.update(outputs["logits"], outputs["targets"])

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        counts = self._matrix.compute().cpu()  # on every rank: it gathers
        if not saving.draws_here(trainer):
            return
        names: list[str] = trainer.datamodule.class_names  # type: ignore[attr-defined]
        figure = confusion_figure(counts, names, f"{saving.data_name(trainer)}, test split")
        saving.save_figure(trainer, figure, "confusion")
        columns = ["class", "images", "accuracy"]
        saving.save_table(trainer, "test/per_class_accuracy", columns, per_class(counts, names))


def per_class(counts: Tensor, class_names: list[str]) -> list[list[Any]]:
    """Return name, images and accuracy of each class; a class without images has no accuracy."""
    totals, right = counts.sum(1).tolist(), counts.diag().tolist()
    accuracy = [hits / total if total else None for hits, total in zip(right, totals, strict=True)]
    return [*map(list, zip(class_names, totals, accuracy, strict=True))]
