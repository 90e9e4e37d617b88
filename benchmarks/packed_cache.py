"""Epochs over a pack against epochs over the JPEG files that it was made of.

    python benchmarks/packed_cache.py    # two minutes; needs imagenette-224 in data/

Both sides read the same training images as batches of normalized float32 images of 224 px, flipped
at random: ours in one process, torchvision's ImageFolder with one worker per core. The files are in
the system's cache on both sides. The ratio is of CPU time over all processes, so it tells what a
core can feed whatever else the machine does; wall-clock rates are printed as well. Last line: JSON.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from PIL import Image
from timing import Timed, UnequalWorkError, in_turn, parse, report
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToTensor

from alexnet_lightning.data import Flip, ImageNetDataModule
from alexnet_lightning.data.storage.packed import cores

DATA = Path(__file__).parents[1] / "data"
FOLDER = "imagenette-224"  # 2,000 training images in ImageNet's layout
Batches = Iterable[tuple[Tensor, Tensor]]


class Side:
    """Reads epochs; remembers images per second of wall-clock time.

    Args:
        shape: of every image, to be checked.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.rates: list[float] = []

    def epoch(self, batches: Batches) -> Timed:
        """Return the CPU time of an epoch and its numbers of batches and images."""
        started, before, images, count = time.perf_counter(), cpu_seconds(), 0, 0
        for pixels, labels in batches:
            if pixels.dtype != torch.float32 or pixels.shape != (len(labels), *self.shape):
                raise UnequalWorkError(f"a batch is {pixels.dtype} {tuple(pixels.shape)}")
            images += len(pixels)
            count += 1
        if not images:
            raise UnequalWorkError("an epoch without images")
        self.rates.append(images / (time.perf_counter() - started))
        return Timed(cpu_seconds() - before, (count, images))


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def packed(root: Path, size: int, batch_size: int, cache: str) -> ImageNetDataModule:
    """Return our data set, packed in `cache`."""
    data = ImageNetDataModule(
        FOLDER,
        root=str(root),
        size=size,
        storage="packed",
        cache=cache,
        transform=Flip(),
        batch_size=batch_size,
        val_fraction=0.04,  # 1,920 images are left: 15 whole batches
    )
    data.prepare_data()
    data.setup()
    return data


def from_files(data: ImageNetDataModule, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return what one writes with torchvision, over the same training images."""
    train, size = data.splits["train"], data.native_size
    ours = {train.name(index) for index in range(len(train))}
    steps = [RandomCrop(size), RandomHorizontalFlip(), ToTensor(), Normalize(data.mean, data.std)]
    files = ImageFolder(str(data.path / "train"), Compose(steps), is_valid_file=ours.__contains__)
    return DataLoader(files, data.batch_size, shuffle=True, num_workers=workers)


def augmented(data: ImageNetDataModule) -> Batches:
    """Yield a training epoch of ours, as the Trainer gets it."""
    for number, (images, labels) in enumerate(data.train_dataloader()):
        yield data.augment(images, labels, 0, number)


def packed_speedup(rounds: int, tiny: bool = False) -> float:
    """Return how many times as many images per CPU second the pack gives."""
    with tempfile.TemporaryDirectory() as folder:
        root, size, batch_size, workers = DATA, 224, 128, cores()
        if tiny:
            root, size, batch_size, workers = Path(folder), 16, 4, 0
            write_images(root / FOLDER, size)
        data = packed(root, size, batch_size, str(Path(folder, "cache")))
        loader = from_files(data, workers)
        theirs, ours = Side((3, size, size)), Side((3, size, size))
        pairs = in_turn(lambda: theirs.epoch(loader), lambda: ours.epoch(augmented(data)), rounds)
        images = len(data.splits["train"])
    per_cpu = [images / seconds for seconds in pairs.medians]
    per_second = [statistics.median(side.rates) for side in (theirs, ours)]
    print(
        f"images per CPU second: ImageFolder {per_cpu[0]:.0f}, packed {per_cpu[1]:.0f}, ratio "
        f"{pairs.ratio:.2f}; images per second: ImageFolder in {workers} workers "
        f"{per_second[0]:.0f}, packed in one process {per_second[1]:.0f}"
    )
    return pairs.ratio


def write_images(folder: Path, size: int) -> None:
    """Write ten random JPEGs to each of two classes and of both splits."""
    for split in ("train", "val"):
        for wnid in ("n01440764", "n02102040"):
            place = folder / split / wnid
            place.mkdir(parents=True)
            for number in range(10):
                pixels = torch.randint(256, (size, size, 3), dtype=torch.uint8)
                Image.fromarray(pixels.numpy()).save(place / f"{number}.jpg")


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=7)
    report({"packed_cache_224": packed_speedup(options.rounds, options.tiny)})


if __name__ == "__main__":
    main()
