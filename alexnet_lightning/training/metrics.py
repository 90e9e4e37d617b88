"""What is measured of a classifier, exact over batches of any size and any number of processes."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric, MetricCollection, SumMetric
from torchmetrics.classification import MulticlassAccuracy

TOGETHER = 1024  # images


class StageMetrics(nn.Module):
    """Mean loss, top-k accuracies and number of images of "train", "val" or "test".

    `val/top5` is the fraction of validation images whose label is among the first five. `count` is
    to be called before the accuracies are read.
    """

    def __init__(self, stage: str, num_classes: int, top_k: Sequence[int]) -> None:
        super().__init__()
        self.stage = stage
        # A loss that is not a number must show, and not be left out of the mean.
        self.loss = MeanMetric(nan_strategy="disable")
        self.images = SumMetric(nan_strategy="disable")
        self.accuracies = MetricCollection(
            {
                # Without the checks of every batch's values, which take longer than the counting.
                f"top{k}": MulticlassAccuracy(
                    num_classes, top_k=k, average="micro", validate_args=False
                )
                for k in top_k
            },
            prefix=f"{stage}/",
        )
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._images_waiting = 0

    def update(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: its mean loss (), logits (N, K) and class indices (N,)."""
        # One entry per image, not a weight, which `disable` forgets: torchmetrics issue 3434.
        self.loss.update(loss.detach().expand(len(labels)))
        # Small batches are counted several at a time: torchmetrics' Python takes 0.2 ms a call.
        # Whole numbers: their sums do not depend on when that is, as those of the losses would.
        self._waiting.append((logits.detach(), labels))
        self._images_waiting += len(labels)
        if self._images_waiting >= TOGETHER:
            self.count()

    def count(self) -> None:
        """Bring the accuracies and the number of images up to date."""
        if not self._waiting:
            return
        logits, labels = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
        self._waiting, self._images_waiting = [], 0
        # As a tensor, and not a number, which would be copied to the device.
        self.images.update(logits.new_full((), len(labels), dtype=torch.float32))
        self.accuracies.update(logits, labels)

    def reset(self) -> None:
        """Begin at zero; an epoch that was interrupted has left its counts."""
        self._waiting, self._images_waiting = [], 0
        for _, metric in self._metrics():
            metric.reset()

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Move as any module; 16-bit precision does not reach the sums, which it would round."""

        def moved(tensor: Tensor) -> Tensor:
            found: Tensor = fn(tensor)
            return tensor.to(found.device) if found.itemsize < tensor.itemsize else found

        return super()._apply(moved, recurse)

    @property
    def names(self) -> list[str]:
        """Names of what is logged at each epoch's end."""
        return [f"{self.stage}/loss", *map(str, self.accuracies)]

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Return what this process has counted since the last reset, by metric."""
        self.count()
        return {
            name: {key: torch.as_tensor(value).cpu() for key, value in metric.metric_state.items()}
            for name, metric in self._metrics()
        }

    def restore(self, states: Sequence[dict[str, dict[str, Tensor]]]) -> None:
        """Go on counting from what `state` returned, here or in several processes together."""
        self.reset()
        for name, metric in self._metrics():
            for key in metric.metric_state:
                counts = torch.stack([state[name][key] for state in states])  # all are sums
                setattr(metric, key, counts.sum(dim=0).to(metric.device, counts.dtype))

    def _metrics(self) -> Iterator[tuple[str, Metric]]:
        return ((name, layer) for name, layer in self.named_modules() if isinstance(layer, Metric))
