"""A sheet of images with the most probable classes of each, as figure 4 of the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.inference.answers import Answer
from alexnet_lightning.plots.style import COLOURS, new_figure, write_png
from alexnet_lightning.system.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
BARS = 5
SIDE = 256  # pixels of an image at most
TRUE, OTHER = COLOURS[2], COLOURS[0]
WNID = re.compile(r"n\d{8}-")  # before a breed in Stanford Dogs' folders


def draw_sheet(answers: Sequence[Answer], class_names: Sequence[str], path: Path) -> None:
    """Write a PNG of images, each with its five most probable classes as bars.

    The caption is the true class, whose bar is red, if the folder is named after a class of the
    network; else the file's name.
    """
    bars = min(BARS, max(len(answer.prediction.classes) for answer in answers))
    columns = min(COLUMNS, len(answers))
    rows = -(-len(answers) // columns)
    heights = [2.2, 0.24 * bars] * rows
    with new_figure(2.5 * columns, sum(heights) + 0.3 * rows) as figure:
        grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=heights)
        for axes in grid.flat:
            axes.set_axis_off()
        for index, answer in enumerate(answers):
            row, column = divmod(index, columns)
            truth = class_of(answer.path, class_names)
            draw_image(grid[2 * row, column], square(answer.path), truth, answer.path.name)
            draw_bars(grid[2 * row + 1, column], answer, truth, bars)
        write_png(figure, path)


def class_of(path: Path, class_names: Sequence[str]) -> str | None:
    """Return the class that the image's folder is named after, None if it is not."""
    folder = path.absolute().parent.name
    for name in (folder, WNID.sub("", folder).replace("_", " ")):
        if name in class_names:
            return name
    return None


def square(path: Path) -> Tensor:
    """Return the square that the network sees, uint8 (S, S, 3), at the file's resolution."""
    from PIL import Image

    with Image.open(path) as image:
        side = min(*image.size, SIDE)
    return decode(path, side).permute(1, 2, 0)


def draw_image(axes: Axes, image: Tensor, truth: str | None, name: str) -> None:
    """Draw an image with its class below it, or its file's name."""
    axes.imshow(image.numpy())
    words = axes.text(0.5, -0.03, short(truth or name), transform=axes.transAxes)
    words.set(ha="center", va="top", weight="bold" if truth else "normal")
    words.set_color("black" if truth else "#555555")


def draw_bars(axes: Axes, answer: Answer, truth: str | None, bars: int) -> None:
    """Draw the most probable classes as labeled bars from 0 to 1."""
    classes, values = answer.prediction.classes[:bars], answer.prediction.probabilities[:bars]
    colours = [TRUE if name == truth else OTHER for name in classes]
    axes.barh(range(len(classes)), values, height=0.84, color=colours, alpha=0.6)
    for index, (name, value) in enumerate(zip(classes, values, strict=True)):
        axes.text(0.02, index, short(name), va="center", size=9)
        axes.text(1, index, f"{value:.0%}", va="center", ha="right", size=9, color="#555555")
    axes.set(xlim=(0, 1), ylim=(bars - 0.5, -0.5))
