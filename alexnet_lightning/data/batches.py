"""A split in memory, and the order in which its batches come; all chance is seeded by numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset, Sampler


@dataclass(frozen=True)
class ImageTensors(Dataset[tuple[Tensor, Tensor]]):
    """A split in memory, read a whole batch at a time.

    Args:
        images: uint8 (N, C, S, S).
        labels: int64 (N,), class indices.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: list[int] | Tensor) -> tuple[Tensor, Tensor]:
        return self.images[indices], self.labels[indices]


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
