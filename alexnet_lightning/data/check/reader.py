"""Read a split once, to the end, skipping the images that cannot be decoded."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.storage.decoding import BrokenImageError
from alexnet_lightning.system.errors import UserError

DIGEST = 16  # bytes: among 1.3 million images, two different ones share one with p = 2e-27


class Reading(NamedTuple):
    """Of a batch: indices, pixels and digests of the readable images; errors of the others."""

    indices: Tensor
    images: Tensor | None
    digests: Tensor
    faults: dict[str, str]


class Readings(Dataset[Reading]):
    """Batches without the images that cannot be decoded."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __getitem__(self, indices: Tensor) -> Reading:
        faults: dict[int, str] = {}
        images: Tensor | None
        try:
            images = self.images[indices][0]
        except BrokenImageError:
            for index in indices.tolist():
                try:
                    self.images[[index]]
                except BrokenImageError as error:
                    faults[index] = str(error)
            indices = indices[[index not in faults for index in indices.tolist()]]
            images = self.images[indices][0] if len(indices) else None
        named = {self.images.name(index): why for index, why in faults.items()}
        return Reading(indices, images, digests_of(images), named)


def digests_of(images: Tensor | None) -> Tensor:
    """Return 16 bytes per image that depend on its pixels alone: uint8 (n, 16)."""
    if images is None:
        return torch.empty(0, DIGEST, dtype=torch.uint8)
    rows = images.flatten(1).numpy()
    digests = b"".join(blake2b(row.data, digest_size=DIGEST).digest() for row in rows)
    return torch.frombuffer(bytearray(digests), dtype=torch.uint8).reshape(-1, DIGEST)


class Reader:
    """Yields a split's images once, uint8 (n, C, S, S), and records what it finds.

    Args:
        count: images at a time.
        workers: processes that read.
        title: of the progress bar.
    """

    def __init__(self, images: Images, count: int, workers: int, title: str) -> None:
        self.images, self.title = images, title
        self.loader: DataLoader[Reading] = DataLoader(
            Readings(images),
            sampler=[part for part in torch.arange(len(images)).split(count) if len(part)],
            batch_size=None,
            num_workers=workers,
        )
        self.indices: list[Tensor] = []
        self.digests: list[Tensor] = [digests_of(None)]
        self.faults: dict[str, str] = {}

    def __iter__(self) -> Iterator[Tensor]:
        with tqdm(
            desc=self.title, total=len(self.images), unit=" images", leave=False, disable=None
        ) as bar:
            for reading in self.loader:
                self.indices.append(reading.indices)
                self.digests.append(reading.digests)
                self.faults |= reading.faults
                bar.update(len(reading.indices) + len(reading.faults))
                if reading.images is not None:
                    yield reading.images
        if not any(map(len, self.indices)):
            first = next(iter(self.faults.values()), "it has none")
            raise UserError(f"{self.title}: no image can be read, the first: {first}")

    def readable(self) -> Images:
        """Return the images that could be read."""
        return self.images.subset(torch.cat(self.indices)) if self.faults else self.images
