"""A split read once, to the end, past the images that cannot be read."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.storage.decoding import BrokenImageError
from alexnet_lightning.system.errors import UserError

DIGEST = 16  # bytes: among 1.3 million images, a chance of 2e-27 that two differ and share one


class Reading(NamedTuple):
    """Of a batch: which images can be read, their pixels and digests; faults of the others."""

    indices: Tensor
    images: Tensor | None
    digests: Tensor
    faults: dict[str, str]


class Readings(Dataset[Reading]):
    """Batches without the images that cannot be read."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __getitem__(self, indices: Tensor) -> Reading:
        try:
            images = self.images[indices][0]
        except BrokenImageError as error:
            if len(indices) > 1:
                return joined([self[index] for index in indices.split(1)])
            return Reading(
                indices[:0],
                None,
                torch.empty(0, DIGEST, dtype=torch.uint8),
                {self.images.name(int(indices)): str(error)},
            )
        return Reading(indices, images, digests_of(images), {})


def joined(readings: Sequence[Reading]) -> Reading:
    """Return several readings as one."""
    images = [reading.images for reading in readings if reading.images is not None]
    return Reading(
        torch.cat([reading.indices for reading in readings]),
        torch.cat(images) if images else None,
        torch.cat([reading.digests for reading in readings]),
        {name: why for reading in readings for name, why in reading.faults.items()},
    )


def digests_of(images: Tensor) -> Tensor:
    """Return for each image 16 bytes that only the same pixels have: uint8 (n, 16)."""
    rows = images.flatten(1).numpy()
    digests = b"".join(blake2b(row.data, digest_size=DIGEST).digest() for row in rows)
    return torch.frombuffer(bytearray(digests), dtype=torch.uint8).reshape(-1, DIGEST)


class Reader:
    """Yields a split's images, uint8 (n, C, S, S), once, and keeps what it learns on the way.

    Args:
        count: of images at a time.
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
        self.digests: list[Tensor] = [torch.empty(0, DIGEST, dtype=torch.uint8)]
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
