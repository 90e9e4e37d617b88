"""A split, read a whole batch at a time, and the order of its batches; chance comes from seeds."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, Sampler


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
        # The layout the networks want; rows of a crop are runs in it.
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.names = names

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        # Copies whole images: ten times as fast as indexing, which goes pixel by pixel.
        pixels = self.images.permute(0, 2, 3, 1).index_select(0, chosen)
        return pixels.permute(0, 3, 1, 2), self.labels[chosen]

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
        self.start = 0

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
        for batch in order[places].tensor_split(len(self))[self.start :]:
            yield batch.tolist()


class Loader:
    """Batches of a split, from wherever the epoch stands.

    Args:
        images: of which split.
        batches: in which order; Lightning finds it as `sampler` and tells it the epoch.
        workers: processes that read ahead.
        start: says with which batch the epoch goes on; asked when the first one is.
    """

    def __init__(
        self, images: Images, batches: Batches, workers: int = 0, start: Callable[[], int] = int
    ) -> None:
        self.sampler = batches
        self.batch_sampler = None  # Lightning looks for one
        self.start = start
        self._loader = DataLoader(
            images,
            sampler=batches,
            batch_size=None,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # Runs with the first batch asked for: Lightning calls iter() before it knows the epoch.
        self.sampler.start = self.start()
        yield from self._loader

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the Trainer's own count of batches is where the epoch stands."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing, likewise."""


def seeded(device: torch.device | str, *numbers: int) -> Generator:
    """A generator whose stream depends on `numbers` (each >= 0) and on nothing before."""
    return Generator(device).manual_seed(mixed_seed(*numbers))


def mixed_seed(*numbers: int) -> int:
    """A seed of 64 bits out of numbers >= 0; other numbers, or more of them, give another."""
    # Their count goes in as well, for a SeedSequence takes (1, 2) and (1, 2, 0) for the same.
    mixed = np.random.SeedSequence([len(numbers), *numbers]).generate_state(1, np.uint64)[0]
    return int(mixed)
