"""Our input path against one of single Pillow images, on CIFAR-10; and a pack against JPEG files.

    python benchmarks/input_pipeline.py    # a minute; needs CIFAR-10 and imagenette-224 in data/

Both sides read the same number of shuffled batches of normalized float32 images and labels, in turn
in one process on one core. Ours takes a uint8 batch from memory and augments and normalizes it as a
whole. The other applies torchvision's transforms to each Pillow image and collates them. Rates are
images per CPU second; `packed_cache.py` describes the pack. Last line: JSON.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from packed_cache import packed_speedup
from PIL import Image
from timing import Timed, UnequalWorkError, in_turn, parse, report, require_same_work
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T

from alexnet_lightning.data import CIFAR10DataModule, PadCropFlip, ResizeCropFlip, Transform
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.system.errors import UserError

DATA = Path(__file__).parents[1] / "data"
BATCH_SIZE = 128
TRAIN_IMAGES = 300 * BATCH_SIZE  # of 50,000: all batches are whole, on both sides
Batches = Iterable[tuple[Tensor, Tensor]]


class PillowImages(Dataset[tuple[Tensor, int]]):
    """Pillow images and their classes, each transformed when it is read."""

    def __init__(self, images: Tensor, labels: Tensor, transform: T.Compose) -> None:
        arrays = images.permute(0, 2, 3, 1).numpy()
        self.images = [Image.fromarray(array) for array in arrays]
        self.labels: list[int] = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


class Case(NamedTuple):
    """One row: our transform, the steps that do the same to one image, batches per round."""

    name: str
    transform: Transform
    steps: list[Any]
    batches: int


CASES = [
    Case("upsampled_224", ResizeCropFlip(256, 224), [T.Resize(256), T.RandomCrop(224)], 8),
    Case("native_32", PadCropFlip(4), [T.RandomCrop(32, padding=4)], 40),
]
TINY = [case._replace(batches=1) for case in CASES]


def augmented(data: CIFAR10DataModule) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a training epoch of ours, as the Trainer gets it."""
    for number, (images, labels) in enumerate(data.train_dataloader()):
        yield data.augment(images, labels, 0, number)


def timed(batches: Batches, count: int) -> Timed:
    """Return the CPU time of the first `count` batches and the shapes that they have."""
    started = time.process_time()
    shapes = [(images.shape, len(labels)) for images, labels in islice(batches, count)]
    return Timed(time.process_time() - started, shapes)


def require_alike(theirs: Batches, ours: Batches, count: int) -> None:
    """Raise an UnequalWorkError unless both sides normalize alike: type, mean, deviation."""
    sides = [torch.cat([images for images, _ in islice(side, count)]) for side in (theirs, ours)]
    require_same_work("type", *(side.dtype for side in sides))
    for name, measure in (("mean", torch.mean), ("standard deviation", torch.std)):
        values = [measure(side).item() for side in sides]
        if not abs(values[0] - values[1]) < 0.1:  # their images are others of the same set
            raise UnequalWorkError(f"{name} of the pixels: {values}")


def bytes_per_image(batches: Batches) -> int:
    """Return the size of an image of the first batch, as it is transferred to the device."""
    images, _ = next(iter(batches))
    return images.nbytes // len(images)


def compare(case: Case, data: CIFAR10DataModule, rounds: int) -> float:
    """Print a case's row; return how many times as fast we are."""
    data.transform = case.transform
    train = data.splits["train"]
    images, labels = train[torch.arange(case.batches * data.batch_size)]
    finish = [T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(data.mean, data.std)]
    theirs = DataLoader(
        PillowImages(images, labels, T.Compose([*case.steps, *finish])),
        data.batch_size,
        shuffle=True,
    )
    require_alike(theirs, augmented(data), case.batches)
    pairs = in_turn(
        lambda: timed(theirs, case.batches), lambda: timed(augmented(data), case.batches), rounds
    )
    rates = [len(images) / seconds for seconds in pairs.medians]
    print(
        f"{case.name:<16}{rates[0]:>12.0f}{rates[1]:>12.0f}{pairs.ratio:>8.2f}"
        f"{bytes_per_image(theirs):>14,}{bytes_per_image(data.train_dataloader()):>12,}",
        flush=True,
    )
    return pairs.ratio


def cifar10(tiny: bool) -> CIFAR10DataModule:
    """Return CIFAR-10, or random images of its shape."""
    if tiny:
        data = CIFAR10DataModule(batch_size=16)
        noise = torch.randint(256, (32, 3, 32, 32), dtype=torch.uint8)
        data.splits = {"train": ImageTensors(noise, torch.arange(32) % 10)}
        return data
    held_out = 50_000 - TRAIN_IMAGES
    data = CIFAR10DataModule(root=str(DATA), url=None, batch_size=BATCH_SIZE, val_images=held_out)
    data.prepare_data()
    data.setup()
    return data


def measure(rounds: int, tiny: bool) -> dict[str, float]:
    """Print the table; return how many times as fast we are at each row."""
    data = cifar10(tiny)
    print(f"{'':<16}{'images per CPU second':>24}{'':>8}{'bytes to the device':>26}")
    print(f"{'path':<16}{'Pillow':>12}{'ours':>12}{'ratio':>8}{'Pillow':>14}{'ours':>12}")
    cases = TINY if tiny else CASES
    figures = {case.name: compare(case, data, rounds) for case in cases}
    return figures | {"packed_cache_224": packed_speedup(rounds, tiny)}


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=7)
    torch.set_num_threads(1)
    try:
        report(measure(options.rounds, options.tiny))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
