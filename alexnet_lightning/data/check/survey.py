"""Read every image of a data set once: count, measure, and find duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.storage.decoding import is_dim
from alexnet_lightning.data.transforms.statistics import PixelStatistics, colour_statistics
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.signals import leave_to_parent

if TYPE_CHECKING:  # workers that are no forks import this file, and need no Lightning
    from alexnet_lightning.data.base import Split

DIGEST = 16  # bytes: among 1.3 million images, two different ones share one with p = 2e-27
PIXELS = 1 << 21  # read at a time: the statistics take 24 bytes per pixel


class Place(NamedTuple):
    """An image by its split and its index there, with its class."""

    split: Split
    number: int
    label: int


@dataclass(frozen=True)
class Survey:
    """What was found."""

    splits: dict[Split, Images]
    copies: list[list[Place]]  # groups of images with equal pixels, training images first
    statistics: PixelStatistics  # of the training images' colors
    # Errors of the files that cannot be read, by name; the data set has left them out.
    faults: dict[str, str] = field(default_factory=dict)

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
    """Read all images, of side `size`, once; UserError if a split has none."""
    readers = {
        split: Reader(images, max(1, PIXELS // size**2), workers, f"reading {split}")
        for split, images in splits.items()
    }
    statistics = colour_statistics(readers["train"])
    for split, reader in readers.items():
        if split != "train":
            for _ in reader:
                pass
    digests = {split: reader.digests for split, reader in readers.items()}
    return Survey(splits, copies(splits, digests), statistics)


class Reader(Dataset[tuple[Tensor, list[bytes]]]):
    """Yields a split's images once, uint8 (n, C, S, S), and keeps their digests."""

    def __init__(self, images: Images, count: int, workers: int, title: str) -> None:
        self.images, self.count, self.workers, self.title = images, count, workers, title
        self.digests: list[bytes] = []

    def __getitem__(self, indices: Tensor) -> tuple[Tensor, list[bytes]]:
        images = self.images[indices][0]
        return images, digests_of(images)  # in the workers

    def __iter__(self) -> Iterator[Tensor]:
        if not (total := len(self.images)):
            raise UserError(f"{self.title}: it has no images")
        chunks = torch.arange(total).split(self.count)
        loader = DataLoader(
            self,
            sampler=chunks,
            batch_size=None,
            num_workers=self.workers,
            worker_init_fn=leave_to_parent,
        )
        with tqdm(desc=self.title, total=total, unit=" images", leave=False, disable=None) as bar:
            for images, digests in loader:
                self.digests += digests
                bar.update(len(images))
                yield images


def digests_of(images: Tensor) -> list[bytes]:
    """Return 16 bytes per image that depend on its pixels alone."""
    rows = images.flatten(1).numpy()
    return [blake2b(row.data, digest_size=DIGEST).digest() for row in rows]


def copies(
    splits: Mapping[Split, Images], digests: Mapping[Split, Sequence[bytes]]
) -> list[list[Place]]:
    """Return the groups of images with equal digests, in the order of their first members."""
    times = Counter(chain.from_iterable(digests.values()))
    groups: dict[bytes, list[Place]] = defaultdict(list)
    for split, images in splits.items():
        labels = images.labels.tolist()
        for number, (key, label) in enumerate(zip(digests[split], labels, strict=True)):
            if times[key] > 1:
                groups[key].append(Place(split, number, label))
    return list(groups.values())


@dataclass
class Originals:
    """What the headers of the image files say: how many files have a size, how many a mode."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)  # (width, height) in pixels
    modes: Counter[str] = field(default_factory=Counter)  # Pillow's: RGB, L (gray), P, CMYK, …
    examples: dict[str, str] = field(default_factory=dict)  # the first file of each mode
    dim: list[str] = field(default_factory=list)  # nearly black, having values of 12 bits in 16


def originals(names: Iterable[str], count: int) -> Originals:
    """Read the headers of `count` image files; names that are no image files are skipped."""
    from PIL import Image

    found = Originals()
    for name in tqdm(names, "headers of the files", count, delay=2, leave=False, disable=None):
        try:
            with Image.open(name) as image:
                found.sizes[image.size] += 1
                found.modes[image.mode] += 1
                found.examples.setdefault(image.mode, name)
                if is_dim(image):
                    found.dim.append(name)
        except OSError:  # no image, or no file
            continue
    return found
