"""Images to explain, where those of a run come from, and how figures show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.contact_sheet import one_a_class
from alexnet_lightning.plots.style import COLOURS, drawable, new_figure
from alexnet_lightning.system.text import short
from alexnet_lightning.training.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCH = 128  # images per forward pass
LETTERS = 16  # of a class name that fit below an image
RIGHT, WRONG = COLOURS[0], COLOURS[2]


class ShownImages(NamedTuple):
    """Decoded images, uint8 (N, C, S, S), and for each its class, or else its file's name."""

    images: Tensor
    titles: list[str]
    kind: str = "an image, with its file's name"  # what a figure says of one

    @classmethod
    def of_files(cls, predictor: Predictor, files: Sequence[Path]) -> ShownImages:
        images = torch.stack([predictor.preprocessing.decode(path) for path in files])
        return cls(images, [path.name for path in files])

    @classmethod
    def of_split(cls, data: ImageDataModule, split: Split, count: int) -> ShownImages:
        """Return up to ten random images of a split, of as many classes as possible."""
        images = data.splits[split]
        pixels, labels = images[one_a_class(images.labels)[:count]]
        titles = [data.class_names[label] for label in labels.tolist()]
        return cls(pixels, titles, f"a {split} image, with its true class")


def run_data(
    run: RunFolder,
    download: bool = True,
    trained_on: DataIdentity | None = None,
    accept_changed: bool = False,
) -> ImageDataModule:
    """Return the data module of a run's configuration, set up; downloaded if it is missing.

    UserError if it is not what a network was `trained_on`, unless that is accepted.
    """
    from alexnet_lightning.cli.experiment import ExperimentCLI

    data = ExperimentCLI(["--config", str(run.config)]).datamodule
    data.trained_on, data.accept_changed = trained_on, accept_changed
    if download:
        data.prepare_data()
    data.setup()
    return data


def batches(images: Images, what: str) -> Iterator[Tensor]:
    """Yield all images of a split in order, uint8 (n, C, S, S), with a bar on a terminal."""
    parts = torch.arange(len(images)).split(BATCH)
    for part in tqdm(parts, desc=what, unit="batch", leave=False, disable=None):
        yield images[part][0]


def split_probabilities(predictor: Predictor, images: Images) -> Tensor:
    """Return float32 (N, K) of all images of a split."""
    return torch.cat([predictor.probabilities(part) for part in batches(images, "predicting")])


def show(axes: Axes, image: Tensor, caption: str = "", colour: str = "black") -> None:
    """Draw one image, (C, H, W) of 0-255 or (H, W) of 0-1, with a caption below it."""
    if image.ndim == 2:
        axes.imshow(image.numpy(), cmap="viridis", vmin=0, vmax=1)
    elif len(image) == 3:
        axes.imshow(image.permute(1, 2, 0).numpy())
    else:
        axes.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(False)
    if caption:
        axes.set_xlabel(caption, color=colour, fontsize=9)


def grid_of(figure: Any, rows: int, columns: int, images: Tensor, captions: Sequence[str]) -> None:
    """Draw images in the cells of a figure, row by row; cells that are left over stay empty."""
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if index < len(images):
            show(axes, images[index], captions[index] if captions else "")
        else:
            axes.set_axis_off()


def notice(title: str, words: str) -> Figure:
    """Return a figure that says why there is nothing to see."""
    with new_figure(8, 1.6) as figure:
        figure.suptitle(title)
        figure.text(0.5, 0.35, words, ha="center", va="center", wrap=True)
    return figure


def gallery(images: Tensor, captions: Sequence[str], title: str) -> Figure:
    """Return a figure of images in rows of six, each with its caption; at least one image."""
    columns = min(max(4, len(images)), 6)  # four are as wide as the title
    rows = -(-len(images) // columns)
    lines = max(caption.count("\n") + 1 for caption in captions)
    with new_figure(1.75 * columns, rows * (1.6 + 0.17 * lines) + 0.5) as figure:
        figure.suptitle(title)
        grid_of(figure, rows, columns, images, captions)
    return figure


def brief(name: str) -> str:
    """Return a name that fits below an image."""
    return short(drawable(name), LETTERS)


def percent(name: str, probability: float) -> str:
    return f"{brief(name)}, {probability:.0%}"
