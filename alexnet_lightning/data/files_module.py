"""Data sets of image files, and the cache of their decoded images."""

import hashlib
import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from math import isqrt
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn

from alexnet_lightning import __version__
from alexnet_lightning.data.base import ImageDataModule, Measure, Split
from alexnet_lightning.data.batches import Images, ImageTensors, stratified
from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.data.storage.packed import cores, open_files, open_pack
from alexnet_lightning.data.transforms.statistics import PixelStatistics
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.memory import memory_size

Storage = Literal["device", "memory", "packed", "files"]


class FilesDataModule(ImageDataModule):
    """A data set of image files.

    A subclass sets the constants below and implements `parts`.

    Args:
        size: side in pixels of the stored images (shorter side resized, center cropped);
            default: the data set's own.
        storage: "packed" decodes all files once into a cache on disk and reads batches from it;
            "memory" loads that cache into memory; "device" loads it onto the GPU as well, so that
            a batch sends the indices of its images alone; "files" decodes a file each time it is
            read, in `workers` processes. Default: the data set's own.
        cache: folder of the packed images and measured statistics; default: `.cache` under
            `root`. It may be deleted at any time and is made again when needed.
        workers: processes that load batches; default: one per core with "files", else none.
    """

    default_size: int = 256
    folder: str  # of the data set, under `root`
    # Of ImageNet's training images at 224 px, as for torchvision's weights; fit most photographs.
    channel_mean = (0.485, 0.456, 0.406)
    channel_std = (0.229, 0.224, 0.225)
    default_storage: Storage = "packed"
    val_fraction: float  # of the training images, see `divide`

    def __init__(
        self,
        size: int | None = None,
        storage: Storage | None = None,
        cache: str | None = None,
        workers: int | None = None,
        **common: Any,
    ) -> None:
        self.native_size = self.default_size if size is None else size
        self.storage: Storage = storage or self.default_storage
        self.cache = cache and os.path.expanduser(cache)  # noqa: PTH111  # a text
        automatic = cores() if self.storage == "files" else 0
        self.workers = automatic if workers is None else workers
        self.skipped: dict[str, str] = {}  # images that cannot be used, and why
        self.ignored: dict[str, str] = {}  # files and folders that are no images of a class
        super().__init__(**common)

    def check_arguments(self) -> None:
        if self.native_size < 1:
            raise UserError(f"data.size is {self.native_size}: give a number of pixels >= 1")
        memory = memory_size()
        most = isqrt(memory // (self.in_channels * max(1, self.batch_size)))
        if self.native_size > most:
            raise UserError(
                f"data.size is {self.native_size}: {self.batch_size} such images do not fit in the "
                f"{memory / 1e9:.0f} GB of memory; give a number of pixels from 1 to {most}, or a "
                "smaller data.batch_size"
            )
        if self.workers < 0:
            raise UserError(f"data.workers is {self.workers}: give a number >= 0")
        super().check_arguments()

    @abstractmethod
    def parts(self) -> dict[str, FileList]:
        """Return the files of each part as published; UserError if they are missing or wrong."""

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        """Make the three splits of the parts, without files that cannot be decoded.

        By default of "train" and "test": validation images are random ones of "train", stratified.
        """
        train, val = stratified(
            parts["train"], self.val_fraction, self.seed, class_names=self.class_names
        )
        return {"train": train, "val": val, "test": parts["test"]}

    @property
    def path(self) -> Path:
        return Path(self.root) / self.folder

    @property
    def cache_folder(self) -> Path:
        return Path(self.root) / ".cache" if self.cache is None else Path(self.cache)

    def prepare_data(self) -> None:
        """Pack the images that are not packed yet."""
        if not self.splits:
            opened = open_files if self.storage == "files" else open_pack
            for files in self.parts().values():
                opened(files, self.native_size, self.cache_folder)

    def load(self) -> dict[Split, Images]:
        parts = self.parts()
        for files in parts.values():
            self.skipped |= files.left_out.images
            self.ignored |= files.left_out.others
        self.say_left_out()
        opened = {name: self.open(files) for name, files in parts.items()}
        for files in parts.values():
            self.skipped |= files.left_out.images  # now with those that cannot be decoded
        return self.divide(opened)

    def say_left_out(self) -> None:
        """Name the kinds of files that are not used, each with its number and an example."""
        for found, what, say in (
            (self.skipped, "images", rank_zero_warn),
            (self.ignored, "files and folders", rank_zero_info),
        ):
            kinds = Counter(found.values()).most_common()
            first = {why: path for path, why in reversed(found.items())}
            words = [f"{count:,} ({why}) such as {first[why]}" for why, count in kinds]
            if words:
                say(f"{self.path}: {len(found):,} {what} are left out: {'; '.join(words)}")

    def open(self, files: FileList) -> Images:
        opened = open_files if self.storage == "files" else open_pack
        images = opened(files, self.native_size, self.cache_folder)
        if self.storage not in ("memory", "device"):
            return images
        pixels, labels = images[torch.arange(len(images))]
        return ImageTensors(pixels, labels, [images.name(index) for index in range(len(images))])

    def measured(self, measure: Callable[..., Measure], images: Images, *how: Any) -> Measure:
        fingerprint = images.fingerprint()
        if fingerprint is None:  # in memory: quick
            return measure(images, *how)
        # A transform by its name and settings: its repr has a memory address.
        settings = [(type(part).__name__, sorted(vars(part).items())) for part in how]
        facts = repr((__version__, measure.__name__, settings, fingerprint))
        key = hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()
        path = self.cache_folder / f"{measure.__name__}-{key}.pt"
        with torch.serialization.safe_globals([PixelStatistics]):
            if path.exists():
                return torch.load(path, weights_only=True)
        value = measure(images, *how)
        with suppress(OSError), replacing(path) as part:  # else it is measured every time
            torch.save(value, part)
        return value
