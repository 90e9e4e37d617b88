"""Read every image of a data set once: count, measure, and find duplicates."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.check.reader import Reader
from alexnet_lightning.data.transforms.statistics import PixelStatistics, colour_statistics

PIXELS = 1 << 21  # read at a time: the statistics take 24 bytes per pixel


class Place(NamedTuple):
    """An image by its split and its index there, with its class."""

    split: Split
    number: int
    label: int


@dataclass(frozen=True)
class Survey:
    """What was found.

    Args:
        splits: the images that can be read.
        faults: errors of the others, by name.
        copies: groups of images with equal pixels, training images first.
        statistics: of the training images' colors.
    """

    splits: dict[Split, Images]
    faults: dict[str, str]
    copies: list[list[Place]]
    statistics: PixelStatistics

    def name(self, place: Place) -> str:
        return self.splits[place.split].name(place.number)

    def counts(self, classes: int) -> dict[Split, list[int]]:
        """Return the number of images of each class, for each split."""
        return {
            split: torch.bincount(images.labels, minlength=classes).tolist()
            for split, images in self.splits.items()
        }

    @property
    def duplicates(self) -> int:
        """Number of images beyond the first of each group of copies."""
        return sum(len(group) - 1 for group in self.copies)

    @property
    def leaks(self) -> int:
        """Number of val images that are also in train, and of test images in train or val."""
        return self.leaked("val", "train") + self.leaked("test", "train", "val")

    def leaked(self, later: Split, *earlier: Split) -> int:
        """Number of images of a split with a copy in one of the earlier splits."""
        return sum(
            sum(place.split == later for place in group)
            for group in self.copies
            if any(place.split in earlier for place in group)
        )


def crosses(group: Sequence[Place]) -> bool:
    """Tell whether copies lie in more than one split."""
    return len({place.split for place in group}) > 1


def contradicts(group: Sequence[Place]) -> bool:
    """Tell whether copies have more than one class."""
    return len({place.label for place in group}) > 1


def survey(splits: dict[Split, Images], size: int, workers: int = 0) -> Survey:
    """Read all images once; those that cannot be decoded are left out.

    Args:
        splits: of a data set.
        size: side in pixels of the images.
        workers: processes that read.

    Raises:
        UserError: a split has no image that can be read.
    """
    readers = {
        split: Reader(images, max(1, PIXELS // size**2), workers, f"reading {split}")
        for split, images in splits.items()
    }
    statistics = colour_statistics(readers["train"])
    for split, reader in readers.items():
        if split != "train":
            for _ in reader:
                pass
    readable = {split: reader.readable() for split, reader in readers.items()}
    faults = {name: why for reader in readers.values() for name, why in reader.faults.items()}
    digests = [torch.cat(reader.digests) for reader in readers.values()]
    return Survey(readable, faults, copies(readable, torch.cat(digests)), statistics)


def copies(splits: dict[Split, Images], digests: Tensor) -> list[list[Place]]:
    """Return the groups of images with equal digests, uint8 (N, 16) of one split after another."""
    names, starts = list(splits), [0, *accumulate(map(len, splits.values()))]

    def place(number: int) -> Place:
        which = bisect(starts, number) - 1
        split, index = names[which], number - starts[which]
        return Place(split, index, int(splits[split].labels[index]))

    return [[place(number) for number in group] for group in identical(digests.numpy())]


def identical(rows: np.ndarray) -> list[list[int]]:
    """Return the groups of equal rows of uint8 (N, 16), in the order of their first members."""
    low, high = rows.view(np.uint64).T
    order = np.lexsort((low, high))  # stable: equal rows keep their order
    new = np.ones(len(order) + 1, dtype=bool)
    new[1:-1] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    bounds = np.flatnonzero(new)
    several = np.flatnonzero(np.diff(bounds) > 1)
    return sorted(order[bounds[i] : bounds[i + 1]].tolist() for i in several)
