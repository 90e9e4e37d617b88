"""What a data set holds: every image read once, counted, measured, and compared with all others."""

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

PIXELS = 1 << 21  # of all images read at a time: statistics take 24 bytes a pixel


class Place(NamedTuple):
    """Where an image lies: its number in a split, and the class it has there."""

    split: Split
    number: int
    label: int


@dataclass(frozen=True)
class Survey:
    """What was found.

    Args:
        splits: the images that can be read.
        faults: of those that cannot be, by name; they say it again.
        copies: groups of images with the same pixels, training images first.
        statistics: of the training images' colours.
    """

    splits: dict[Split, Images]
    faults: dict[str, str]
    copies: list[list[Place]]
    statistics: PixelStatistics

    def name(self, place: Place) -> str:
        """Return what a reader finds an image by."""
        return self.splits[place.split].name(place.number)

    def counts(self, classes: int) -> dict[Split, list[int]]:
        """Return for each split how many images each class has."""
        return {
            split: torch.bincount(images.labels, minlength=classes).tolist()
            for split, images in self.splits.items()
        }

    @property
    def duplicates(self) -> int:
        """Number of images that the set would lack without copies."""
        return sum(len(group) - 1 for group in self.copies)

    @property
    def leaks(self) -> int:
        """Number of val images that are also in train, and of test images in train or val."""
        return self.leaked("val", "train") + self.leaked("test", "train", "val")

    def leaked(self, later: Split, *earlier: Split) -> int:
        """Number of images of a split of which a copy lies in one of the earlier splits."""
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
    """Read all images once.

    Args:
        splits: of a data set; an image that is broken when it is read is left out.
        size: side in pixels of the images.
        workers: processes that read.

    Raises:
        UserError: no image of a split can be read.
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
    return Survey(readable, faults, copies(readable, digests), statistics)


def copies(splits: dict[Split, Images], digests: Sequence[Tensor]) -> list[list[Place]]:
    """Return the groups of places whose images have the same digest, by their first place."""
    starts = [0, *accumulate(len(part) for part in digests)]
    names = list(splits)

    def place(number: int) -> Place:
        which = int(np.searchsorted(starts, number, side="right")) - 1
        index = number - starts[which]
        return Place(names[which], index, int(splits[names[which]].labels[index]))

    groups = identical(torch.cat(list(digests)).numpy())
    return [[place(number) for number in group] for group in groups]


def identical(rows: np.ndarray) -> list[list[int]]:
    """Return the groups of equal rows among uint8 (N, 16), ascending, by their first member."""
    low, high = rows.view(np.uint64).T
    order = np.lexsort((low, high))  # stable: equal rows keep their order
    new = np.ones(len(order) + 1, dtype=bool)
    new[1:-1] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    bounds = np.flatnonzero(new)
    several = np.flatnonzero(np.diff(bounds) > 1)
    return sorted(order[bounds[i] : bounds[i + 1]].tolist() for i in several)
