"""A split, read a whole batch at a time, and the order of its batches; chance comes from seeds."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset, Sampler


class Images(Dataset[tuple[Tensor, Tensor]], ABC):
    """Square images of one size and their classes, wherever they lie.

    Args:
        labels: int64 (N,), class indices.
    """

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Read a batch: uint8 (n, C, S, S) and labels int64 (n,)."""

    @abstractmethod
    def subset(self, indices: Tensor) -> "Images":
        """Return the images of these indices, in their order."""

    def name(self, index: int) -> str:
        """Return what a reader finds an image by: its file if it has one."""
        return f"number {index}"

    def fingerprint(self) -> str | None:
        """Return what stays the same as long as the images do; None if that is not known."""
        return None


class ImageTensors(Images):
    """Images in memory.

    Args:
        images: uint8 (N, C, S, S).
        labels: int64 (N,), class indices.
        names: of the files they were read from, if any.
    """

    def __init__(self, images: Tensor, labels: Tensor, names: Sequence[str] | None = None) -> None:
        super().__init__(labels)
        self.images = images
        self.names = names

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        return self.images[indices], self.labels[indices]

    def subset(self, indices: Tensor) -> "ImageTensors":
        names = None if self.names is None else [self.names[index] for index in indices.tolist()]
        return ImageTensors(*self[indices], names)

    def name(self, index: int) -> str:
        return super().name(index) if self.names is None else self.names[index]


class Batches(Sampler[list[int]]):
    """Lists of indices, one a batch: this process' share of `length` images.

    An epoch has ceil(length / (world_size * batch_size)) batches on every process, equal in size
    to within one image, so that no step sees a stump (batch norm cannot train on one image) and
    no process waits for another. Shuffled, the shares are filled up by wrapping around, so that
    all are equal; in order, every image comes exactly once over all processes.

    Args:
        length: number of images.
        batch_size: images a process and step, at most.
        shuffle: a new order each epoch, from (seed, epoch) alone.
        rank, world_size: this process among all.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.length = length
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the coming epoch; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        wanted = -(-self.length // (self.world_size * self.batch_size))
        # The smallest share must fill every batch: under DDP a process short of one would hang.
        return max(1, min(wanted, self.length // self.world_size))

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.arange(self.length)
        places = torch.arange(self.rank, self.length, self.world_size)
        if self.shuffle:
            order = torch.randperm(self.length, generator=seeded("cpu", self.seed, self.epoch))
            share = -(-self.length // self.world_size)
            places = (self.rank + self.world_size * torch.arange(share)) % self.length
        for batch in order[places].tensor_split(len(self)):
            yield batch.tolist()


def seeded(device: torch.device | str, *numbers: int) -> Generator:
    """A generator whose stream depends on `numbers` (each >= 0) and on nothing before."""
    # Their count goes in as well, for a SeedSequence takes (1, 2) and (1, 2, 0) for the same.
    mixed = np.random.SeedSequence([len(numbers), *numbers]).generate_state(1, np.uint64)[0]
    return Generator(device).manual_seed(int(mixed))
