"""Epochs over a pack against epochs over the JPEG files it was made of, as torchvision reads them.

Both give batches of normalised float32 images of 224 px, mirrored at random: ours in one process,
torchvision's in as many workers as there are cores. All files lie in the system's memory on both
sides. The ratio is that of images per CPU second of all processes, which says what a core can feed
whatever else the machine does; the clock, for which the workers are more, is told beside it.

    python benchmarks/packed_cache.py
"""

import os
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToTensor

from alexnet_lightning.data import Flip, ImageNetDataModule
from alexnet_lightning.data.storage.packing import cores

ROOT = Path(__file__).parents[1] / "data"
FOLDER = "imagenette-224"  # 2,000 training images in ImageNet's layout
BATCH_SIZE = 128


def packed(cache: str) -> ImageNetDataModule:
    """Our data set, packed in `cache`."""
    data = ImageNetDataModule(
        FOLDER,
        root=str(ROOT),
        size=224,
        storage="packed",
        cache=cache,
        transform=Flip(),
        batch_size=BATCH_SIZE,
    )
    data.prepare_data()
    data.setup()
    return data


def from_files(data: ImageNetDataModule) -> DataLoader[tuple[Tensor, Tensor]]:
    """What one writes with torchvision."""
    steps = [RandomCrop(224), RandomHorizontalFlip(), ToTensor(), Normalize(data.mean, data.std)]
    return DataLoader(
        ImageFolder(str(ROOT / FOLDER / "train"), Compose(steps)),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=cores(),
    )


class Rates(NamedTuple):
    """Images a second of the processors, and of the clock."""

    cpu: float
    clock: float


def rates(batches: Iterable[tuple[Tensor, Tensor]]) -> Rates:
    """Read an epoch."""
    started, count = os.times(), 0
    for images, _ in batches:
        assert images.dtype == torch.float32
        count += len(images)
    ended = os.times()  # first four: this process and the workers, which have ended
    return Rates(count / (sum(ended[:4]) - sum(started[:4])), count / (ended[4] - started[4]))


def packed_speedup(rounds: int) -> float:
    """Return how many times as many images a CPU second the pack gives, the median of `rounds`."""
    with tempfile.TemporaryDirectory() as cache:
        data = packed(cache)
        loader = from_files(data)
        ratios = []
        for _ in range(rounds):
            augmented = (
                data.augment(images, labels, 0, batch)
                for batch, (images, labels) in enumerate(data.train_dataloader())
            )
            ours, theirs = rates(augmented), rates(loader)
            ratios.append(Rates(ours.cpu / theirs.cpu, ours.clock / theirs.clock))
            print(
                f"images per CPU second: packed {ours.cpu:.0f}, ImageFolder {theirs.cpu:.0f}, "
                f"ratio {ratios[-1].cpu:.2f}; by the clock {ours.clock:.0f} in one process, "
                f"{theirs.clock:.0f} in {cores()} workers, ratio {ratios[-1].clock:.2f}"
            )
    return statistics.median(ratio.cpu for ratio in ratios)


if __name__ == "__main__":
    print(f"median ratio {packed_speedup(7):.2f}")
