"""The most confident mistakes of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.explanations.images import gallery, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 24


def most_confident(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return the indices of at most `count` misclassified images, the most confident first."""
    confidence, predicted = probabilities.max(dim=1)
    wrong = (predicted != labels).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True, stable=True)[:count]]


def draw_mistakes(images: Images, probabilities: Tensor, class_names: Sequence[str]) -> Figure:
    """Return a figure of a split's most confident mistakes, from all its probabilities (N, K)."""
    chosen = most_confident(probabilities, images.labels, SHOWN)
    pixels, labels = images[chosen]
    captions = []
    for row, label in zip(probabilities[chosen], labels.tolist(), strict=True):
        found = int(row.argmax())
        captions.append(
            f"{percent(class_names[found], row[found].item())}\n"
            f"is {percent(class_names[label], row[label].item())}"
        )
    wrong = int((probabilities.argmax(dim=1) != images.labels).sum())
    title = f"Most confident of {wrong:,} mistakes in {len(images):,} test images"
    return gallery(pixels, captions, title)
