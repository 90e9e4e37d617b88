"""The images of a data set: divided at random, and read in batches in a seeded order."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from alexnet_lightning.system.devices import moved
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.signals import leave_to_parent
from alexnet_lightning.system.text import one_line


class Images(Dataset[tuple[Tensor, Tensor]], ABC):
    """Square images of one size, in memory or on disk, and their class indices, int64 (N,)."""

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Read a batch: uint8 (n, C, S, S) and labels int64 (n,)."""

    @abstractmethod
    def subset(self, indices: Tensor) -> "Images":
        """Return the images at these indices, in this order."""

    def name(self, index: int) -> str:
        """Return what identifies an image to a reader: its file if it has one."""
        return f"number {index}"

    def fingerprint(self) -> str | None:
        """Return a key that changes when the images do; None if there is none."""
        return None


class ImageTensors(Images):
    """Images in memory, uint8 (N, C, S, S), class indices and the files they were read from.

    Batches are on the device that the images are on.
    """

    def __init__(self, images: Tensor, labels: Tensor, names: Sequence[str] | None = None) -> None:
        super().__init__(labels)
        # The layout that networks are fastest in; a row of a crop is contiguous.
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.names = names

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = moved(torch.as_tensor(indices), self.images.device)
        # Copies whole images: ten times as fast as indexing, which copies pixel by pixel.
        pixels = self.images.permute(0, 2, 3, 1).index_select(0, chosen)
        return pixels.permute(0, 3, 1, 2), self.labels[chosen]

    def to(self, device: torch.device) -> "ImageTensors":
        """Return these images on a device."""
        if device == self.images.device:
            return self
        return ImageTensors(self.images.to(device), self.labels.to(device), self.names)

    def subset(self, indices: Tensor) -> "ImageTensors":
        names = None if self.names is None else [self.names[index] for index in indices.tolist()]
        return ImageTensors(*self[indices], names)

    def name(self, index: int) -> str:
        return super().name(index) if self.names is None else self.names[index]


def held_out(images: Images, count: int, seed: int) -> tuple[Images, Images]:
    """Return the images left for training and `count` random images held out for validation."""
    order = torch.randperm(len(images), generator=seeded("cpu", seed))
    return images.subset(order[count:]), images.subset(order[:count])


TEST_SEED = 0  # of test images that no publisher chose: runs with different seeds share them


def stratified(
    images: Images,
    fraction: float,
    seed: int,
    key: str = "val_fraction",
    class_names: Sequence[str] = (),
) -> tuple[Images, Images]:
    """Return the rest and a random fraction of the images, the same fraction of each class.

    scikit-learn's `train_test_split`, which rounds the fraction up to a whole number of images.
    A whole number is the number of images. UserError, which names the data module's argument
    `key`, if there are too few images for every class to be on both sides.
    """
    # Not at the top: scikit-learn would slow down every --help.
    from sklearn.model_selection import train_test_split

    try:
        rest, part = train_test_split(
            range(len(images)), test_size=fraction, stratify=images.labels, random_state=seed
        )
    except ValueError as error:
        single = [
            class_names[label] if class_names else f"class {label}"
            for label, count in enumerate(images.labels.bincount())
            if count == 1
        ]
        why = f"one image alone of {', '.join(single)}" if single else one_line(error)
        raise UserError(
            f"data.{key} is {fraction}: {len(images)} images cannot be split into that fraction "
            f"of each class ({why}); give another fraction or more images"
        ) from error
    return images.subset(torch.tensor(rest)), images.subset(torch.tensor(part))


@dataclass(eq=False)
class Batches(Sampler[list[int]]):
    """The index lists of the batches that this process reads of `length` images.

    Every process has ceil(length / (world_size * batch_size)) batches per epoch, equal in size to
    within one image, so that no batch is much smaller than the others (batch norm cannot train on
    one image) and no process waits for another. Shuffled, each process gets the same number of
    images, the last ones wrapping around; in order, each image comes exactly once over all
    processes.
    """

    length: int  # number of images
    batch_size: int  # maximum images per process and step
    shuffle: bool = False  # a new order each epoch, from (seed, epoch) alone
    seed: int = 0
    rank: int = 0  # index of this process
    world_size: int = 1
    epoch: int = field(default=0, init=False)
    start: int = field(default=0, init=False)
    mixed: bool = field(default=False, init=False)  # unless shuffled: one random order, always

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        wanted = -(-self.length // (self.world_size * self.batch_size))
        # The process with the fewest images must fill every batch: under DDP the others would hang.
        return max(1, min(wanted, self.length // self.world_size))

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.arange(self.length)
        positions = torch.arange(self.rank, self.length, self.world_size)
        if self.shuffle:
            order = torch.randperm(self.length, generator=seeded("cpu", self.seed, self.epoch))
            count = -(-self.length // self.world_size)
            positions = (self.rank + self.world_size * torch.arange(count)) % self.length
        elif self.mixed:
            order = torch.randperm(self.length, generator=seeded("cpu", 0))
        for batch in order[positions].tensor_split(len(self))[self.start :]:
            yield batch.tolist()


class Loader:
    """The batches of a split, from the one whose index `start` returns when it is requested."""

    def __init__(
        self, images: Images, batches: Batches, workers: int = 0, start: Callable[[], int] = int
    ) -> None:
        self.sampler = batches  # Lightning calls its `set_epoch`
        self.batch_sampler = None  # Lightning reads it
        self.start = start
        there = images.labels.device.type != "cpu"  # nothing is left to read or to pin
        workers = 0 if there else workers
        self._loader = DataLoader(
            images,
            sampler=batches,
            batch_size=None,
            num_workers=workers,
            worker_init_fn=leave_to_parent,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available() and not there,
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # Runs at the first batch: Lightning calls iter() before it sets the epoch.
        self.sampler.start = self.start()
        yield from self._loader

    def state_dict(self) -> dict[str, Any]:
        return {}  # the Trainer itself counts the batches of the epoch

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass


def seeded(device: torch.device | str, *numbers: int) -> Generator:
    """A generator whose stream depends on `numbers` alone, each >= 0."""
    return Generator(device).manual_seed(mixed_seed(*numbers))


def mixed_seed(*numbers: int) -> int:
    """A 64-bit seed from numbers >= 0; other numbers, or more of them, give another seed."""
    # With their count: a SeedSequence treats (1, 2) and (1, 2, 0) as the same.
    return int(np.random.SeedSequence([len(numbers), *numbers]).generate_state(1, np.uint64)[0])
