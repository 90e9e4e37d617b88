"""Training images as the network sees them, beside what they were made from."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.plots.style import DPI, new_figure
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.text import short

ROWS, VIEWS = 10, 6  # images, and training views of each
TILE = 128  # pixels of the sheet that an image takes at least
GAP, CAPTION = 6, 44  # pixels between two tiles; below one, if it has a caption
TOP, LETTER = 48, 15  # pixels for the titles, and for a letter of the labels
NAMED = 0.005  # share of a mixed image from which on its class is named


def draw_contact_sheet(data: ImageDataModule, path: Path) -> None:
    """Write a PNG: a row an image, as stored, in evaluation, and augmented anew in each column.

    All but the stored images are the network's input with the normalisation undone, cut off at
    black and white. Pixels are squares, enlarged a whole number of times.

    Args:
        data: set up.
    """
    train = data.splits["train"]
    images, labels = train[one_a_class(train.labels)]
    views = [data.augment(images, labels, epoch, 0) for epoch in range(VIEWS)]
    seen = [denormalised(data, x) for x in (data.preprocess(images), *(x for x, _ in views))]
    columns = [images / 255, *seen]
    captions = [mixtures(targets, data.class_names) for _, targets in views]

    largest = max(column.shape[-1] for column in columns)
    side = largest * -(-TILE // largest)
    below = CAPTION if any(map(any, captions)) else GAP
    tiles = torch.stack([enlarged(column, side, below) for column in columns], dim=1)
    sheet = tiles.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    names = [short(data.class_names[label]) for label in labels.tolist()]
    left = LETTER * max(map(len, names)) + 4 * GAP
    height, width = sheet.shape[0] + TOP, sheet.shape[1] + left
    across, down = side + GAP, side + below

    with new_figure(width / DPI, height / DPI) as figure:
        figure.set_layout_engine("none")  # a pixel of the sheet is one of the file
        axes = figure.add_axes((left / width, 0, 1 - left / width, 1 - TOP / height))
        axes.imshow(sheet.numpy(), interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        for row, name in enumerate(names):
            axes.text(-2 * GAP, row * down + side / 2, name, ha="right", va="center")
        for place, title in enumerate(("stored", "evaluation", "training …")):
            axes.text(place * across, -2 * GAP, title, va="bottom", size=9)
        for place, column in enumerate(captions, start=2):
            for row, caption in enumerate(column):
                at = (place * across, row * down + side + GAP / 2)
                axes.text(*at, caption, va="top", size=6.5)
        with replacing(path) as part:
            figure.savefig(part, dpi=DPI)


def one_a_class(labels: Tensor) -> Tensor:
    """Return indices of up to ROWS random images, of as many classes as possible, by class."""
    order = torch.randperm(len(labels), generator=seeded("cpu", 0)).tolist()
    first = {int(labels[index]): index for index in reversed(order)}
    different = sorted(first.values(), key=order.index)[:ROWS]
    others = [index for index in order[: 2 * ROWS] if index not in different]
    chosen = torch.tensor([*different, *others][:ROWS])
    return chosen[labels[chosen].argsort(stable=True)]


def denormalised(data: ImageDataModule, inputs: Tensor) -> Tensor:
    """Return what `data.normalise` gave as pixels of 0-1, whatever the recipe's scale is."""
    black, white = (data.normalise(torch.full_like(inputs[:1], value)) for value in (0, 255))
    return ((inputs - black) / (white - black)).clamp(0, 1)


def enlarged(images: Tensor, side: int, below: int) -> Tensor:
    """Return RGB images (N, 3, side + below, side + GAP), in the middle of white tiles.

    Args:
        images: 0-1, (N, C, S, S), with one channel or three.
        side: of the tile in pixels, >= S; pixels are repeated as often as they fit in.
    """
    times = side // images.shape[-1]
    size = times * images.shape[-1]
    start = (side - size) // 2
    tiles = torch.ones(len(images), 3, side + below, side + GAP)
    pixels = images.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3)
    tiles[:, :, start : start + size, start : start + size] = pixels
    return tiles


def mixtures(targets: Tensor, class_names: Sequence[str]) -> list[str]:
    """Return for each image its shares of classes in words; nothing for an image of one class."""
    if targets.dim() == 1:
        return [""] * len(targets)
    words = [
        [
            f"{share:.0%} {short(class_names[label])}"
            for share, label in zip(*(part.tolist() for part in row.topk(2)), strict=True)
            if share >= NAMED
        ]
        for row in targets
    ]
    return ["\n".join(shares) if len(shares) > 1 else "" for shares in words]
