"""A confusion matrix beside the accuracy of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from alexnet_lightning.plots.style import COLOURS, label, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion_figure(counts: Tensor, class_names: list[str], subject: str) -> Figure:
    """Return a figure of the matrix, each row in percent of its true class, and of accuracies.

    `counts` is images (K, K) by true and by predicted class; `subject` begins the title.
    """
    classes = len(counts)
    percent = 100 * counts / counts.sum(1, keepdim=True).clamp(min=1)
    total = int(counts.sum())
    side = min(max(0.55 * classes, 3.0), 8.5)
    with new_figure(side + 4, side + 2) as figure:
        matrix, bars = figure.subplots(1, 2, sharey=True, width_ratios=[side, 1.6])
        image = matrix.imshow(percent.numpy(), cmap="Blues", vmin=0, vmax=100, aspect="auto")
        bars.barh(range(classes), percent.diag().numpy(), height=0.8, color=COLOURS[0])
        if classes <= 20:  # the numbers fit into the cells
            write_numbers(matrix, bars, percent, counts.sum(1))
            matrix.set_title("% of each true class (blank: none)")
        else:
            figure.colorbar(image, ax=[matrix, bars], label="% of each true class")
        name_axes(matrix, bars, class_names)
        accuracy = int(counts.diag().sum()) / max(total, 1)
        figure.suptitle(f"{subject}: top-1 accuracy {accuracy:.2%} of {total:,} images")
    return figure


def name_axes(matrix: Axes, bars: Axes, class_names: list[str]) -> None:
    """Class names on both axes of the matrix; every n-th where all would not be readable."""
    step = -(-len(class_names) // 30)
    indices = range(0, len(class_names), step)
    names = [label(class_names[index]) for index in indices]
    matrix.set_xticks(indices, names, rotation=90 if max(map(len, names)) > 3 else 0)
    matrix.set_yticks(indices, names)
    matrix.set(xlabel="predicted class", ylabel="true class")
    matrix.grid(False)
    bars.set(xlabel="accuracy (%)", xlim=(0, 100))
    bars.grid(axis="y", visible=False)
    bars.tick_params(axis="y", left=False)


def write_numbers(matrix: Axes, bars: Axes, percent: Tensor, images: Tensor) -> None:
    """Percentages in the cells that are not 0, and at the foot of each bar."""
    for true, predicted in percent.nonzero().tolist():
        value = float(percent[true, predicted])
        color = "white" if value > 65 else "black"
        text = "<1" if value < 1 else f"{value:.0f}"  # a cell of no images is blank
        matrix.text(predicted, true, text, ha="center", va="center", color=color)
    for index, (value, total) in enumerate(zip(percent.diag(), images, strict=True)):
        bars.text(3, index, f"{value:.1f}" if total else "no images", va="center")
