"""Our input path against a pipeline of single Pillow images, on CIFAR-10, and a pack against JPEGs.

Both sides give shuffled batches of normalised float32 images and their labels, in one process on
one core, in turn: ratios hold on a machine whose speed drifts. Ours: a uint8 batch out of memory,
augmented and normalised as a whole. Theirs: torchvision's transforms on decoded Pillow images, one
by one, then collated. Rates are images per second of the processor. Last line: JSON.

    python benchmarks/input_pipeline.py     # a minute; needs CIFAR-10 and imagenette-224 in data/
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from packed_cache import packed_speedup
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T

from alexnet_lightning.data import CIFAR10DataModule, PadCropFlip, ResizeCropFlip, Transform
from alexnet_lightning.system.errors import UserError

ROOT = Path(__file__).parents[1] / "data"
BATCH_SIZE = 128


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pillow images and their classes, each transformed when it is read."""

    def __init__(self, images: Tensor, labels: Tensor, transform: T.Compose) -> None:
        arrays = images.permute(0, 2, 3, 1).numpy()
        self.pictures = [Image.fromarray(array) for array in arrays]
        self.labels: list[int] = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.pictures[index]), self.labels[index]


class Case(NamedTuple):
    """One row: our transform, the steps that do the same to a picture, batches a round."""

    name: str
    transform: Transform
    steps: list[Any]
    batches: int


CASES = [
    Case("upsampled_224", ResizeCropFlip(256, 224), [T.Resize(256), T.RandomCrop(224)], 8),
    Case("native_32", PadCropFlip(4), [T.RandomCrop(32, padding=4)], 40),
]


def augmented(data: CIFAR10DataModule) -> Iterator[tuple[Tensor, Tensor]]:
    """A training epoch of ours, as the Trainer gets it."""
    for number, (images, labels) in enumerate(data.train_dataloader()):
        yield data.augment(images, labels, 0, number)


def rate(batches: Iterable[tuple[Tensor, Tensor]], count: int) -> float:
    """Images a second of this process, over the first `count` batches."""
    started = time.process_time()
    images = sum(len(batch) for batch, _ in islice(batches, count))
    return images / (time.process_time() - started)


def crossing(batches: Iterable[tuple[Tensor, Tensor]]) -> int:
    """Bytes of an image of the first batch, as it goes to the device."""
    images, _ = next(iter(batches))
    return images.nbytes // len(images)


def compare(case: Case, data: CIFAR10DataModule, rounds: int) -> float:
    """Print a case's row; return how many times as fast we are."""
    data.transform = case.transform
    train = data.splits["train"]
    images, labels = train[torch.arange(case.batches * BATCH_SIZE)]
    finish = [T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(data.mean, data.std)]
    pictures = Pictures(images, labels, T.Compose([*case.steps, *finish]))
    loader = DataLoader(pictures, BATCH_SIZE, shuffle=True)
    pairs = [
        (rate(loader, case.batches), rate(augmented(data), case.batches)) for _ in range(rounds + 1)
    ][1:]
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(mine / other for other, mine in pairs)
    print(
        f"{case.name:<16}{theirs:>12.0f}{ours:>12.0f}{ratio:>8.2f}"
        f"{crossing(loader):>14,}{crossing(data.train_dataloader()):>12,}",
        flush=True,
    )
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of each (default: 7)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        figures = measure(options.rounds)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def measure(rounds: int) -> dict[str, float]:
    """Print the table; return how many times as fast we are at each row."""
    data = CIFAR10DataModule(root=str(ROOT), url=None, batch_size=BATCH_SIZE)
    data.prepare_data()
    data.setup()
    print(f"{'':<16}{'images per CPU second':>24}{'':>8}{'bytes to the device':>26}")
    print(f"{'path':<16}{'Pillow':>12}{'ours':>12}{'ratio':>8}{'Pillow':>14}{'ours':>12}")
    figures = {case.name: compare(case, data, rounds) for case in CASES}
    return figures | {"packed_cache_224": packed_speedup(rounds)}


if __name__ == "__main__":
    main()
