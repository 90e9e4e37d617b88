"""Augmented training images as the network sees them, beside the stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from alexnet_lightning.data.batches import seeded
from alexnet_lightning.plots.style import DPI, label, new_figure, write_png

if TYPE_CHECKING:
    from alexnet_lightning.data.base import ImageDataModule

ROWS, VIEWS = 10, 6  # images, and training views of each
TILE = 128  # least width of an image in pixels of the sheet
GAP, CAPTION = 6, 44  # pixels between two tiles; below a tile with a caption
TOP, LETTER = 48, 15  # pixels for the titles; per letter of a label
NAMED = 0.005  # least fraction of a mixed image whose class is named


def draw_contact_sheet(data: ImageDataModule, path: Path) -> None:
    """Write a PNG with a row per image: as stored, in evaluation, and six random augmentations.

    All but the stored images are the network's input with the normalization undone, clipped to
    black and white. Pixels are squares, enlarged by a whole number. The data must be set up.
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
    names = [label(data.class_names[number]) for number in labels.tolist()]
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
        for column, title in enumerate(("stored", "evaluation", "training …")):
            axes.text(column * across, -2 * GAP, title, va="bottom", size=9)
        for column, texts in enumerate(captions, start=2):
            for row, text in enumerate(texts):
                y = row * down + side + GAP / 2
                axes.text(column * across, y, text, va="top", size=6.5)
        write_png(figure, path)


def one_a_class(labels: Tensor) -> Tensor:
    """Return indices of up to ROWS random images, of as many classes as possible, by class."""
    order = torch.randperm(len(labels), generator=seeded("cpu", 0)).tolist()
    first = {int(labels[index]): index for index in reversed(order)}
    different = sorted(first.values(), key=order.index)[:ROWS]
    others = [index for index in order[: 2 * ROWS] if index not in different]
    chosen = torch.tensor([*different, *others][:ROWS])
    return chosen[labels[chosen].argsort(stable=True)]


def denormalised(data: ImageDataModule, inputs: Tensor) -> Tensor:
    """Return what `data.normalise` gave as pixels of 0-1, whatever the recipe's pixel scale."""
    black, white = (data.normalise(torch.full_like(inputs[:1], value)) for value in (0, 255))
    return ((inputs - black) / (white - black)).clamp(0, 1)


def enlarged(images: Tensor, side: int, below: int) -> Tensor:
    """Return images (N, C, S, S) of 0-1 centered in white RGB tiles with gaps, (N, 3, H, W).

    Pixels are repeated as often as they fit into `side` pixels; `below` is the gap below a tile.
    """
    times = side // images.shape[-1]
    pixels = images.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3)
    before = (side - pixels.shape[-1]) // 2
    after = side - pixels.shape[-1] - before
    tiles = F.pad(pixels, (before, after + GAP, before, after + below), value=1.0)
    return tiles.expand(-1, 3, -1, -1)


def mixtures(targets: Tensor, class_names: Sequence[str]) -> list[str]:
    """Return the fractions of classes of each image in words; nothing for a single class."""
    if targets.dim() == 1:
        return [""] * len(targets)
    texts = []
    for fractions, labels in zip(*(part.tolist() for part in targets.topk(2)), strict=True):
        pairs = zip(fractions, labels, strict=True)
        parts = [f"{part:.0%} {label(class_names[n])}" for part, n in pairs if part >= NAMED]
        texts.append("\n".join(parts) if len(parts) > 1 else "")
    return texts
