"""What data sets of image files have in common: where the decoded images lie."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import torch

from alexnet_lightning import __version__
from alexnet_lightning.data.base import ImageDataModule, Measure, Split
from alexnet_lightning.data.batches import Images, ImageTensors, seeded
from alexnet_lightning.data.storage.files import FileList, ImageFiles
from alexnet_lightning.data.storage.packed import open_pack
from alexnet_lightning.data.storage.packing import cores
from alexnet_lightning.data.transforms.statistics import PixelStatistics
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError

Storage = Literal["memory", "packed", "files"]


class FilesDataModule(ImageDataModule):
    """A data set of image files, decoded and resized once.

    A subclass states the constants below and implements `parts`.

    Args:
        size: side in pixels that images are stored at: the shorter side resized, the middle cut
            out; by default the data set's own.
        storage: "packed" decodes all files once into a cache and reads batches from there;
            "memory" holds that cache in memory; "files" decodes at every reading, in `workers`.
            By default the data set's own.
        cache: folder of the packed images, and of what was measured of them; by default `.cache`
            under `root`. Whatever lies there may be deleted, and is made anew when it is needed.
        workers: processes that read ahead; by default one a core with "files", else none.
    """

    default_size: int
    default_storage: Storage = "packed"

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
        self.cache = cache
        if workers is None:
            workers = cores() if self.storage == "files" else 0
        self.workers = workers
        self.skipped: dict[str, str] = {}  # files that a pack left out, and why
        super().__init__(**common)

    def check_arguments(self) -> None:
        if self.native_size < 1:
            raise UserError(f"data.size is {self.native_size}: give a number of pixels >= 1")
        if self.workers < 0:
            raise UserError(f"data.workers is {self.workers}: give a number >= 0")
        super().check_arguments()

    @abstractmethod
    def parts(self) -> dict[str, FileList]:
        """Return the files of the parts that the publisher divides the data set into.

        Raises:
            UserError: they are not there, or not as they should be.
        """

    @abstractmethod
    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        """Make the three splits of the parts; a part may have lost files that cannot be read."""

    @property
    def cache_folder(self) -> Path:
        """Folder of the packed images."""
        return Path(self.root) / ".cache" if self.cache is None else Path(self.cache)

    def prepare_data(self) -> None:
        """Decode what is not packed yet."""
        if self.storage != "files" and not self.splits:
            for files in self.parts().values():
                open_pack(files, self.native_size, self.cache_folder)

    def load(self) -> dict[Split, Images]:
        return self.divide({name: self.open(files) for name, files in self.parts().items()})

    def open(self, files: FileList) -> Images:
        """Return the images of these files as they are stored."""
        if self.storage == "files":
            return ImageFiles(files, self.native_size)
        packed = open_pack(files, self.native_size, self.cache_folder)
        self.skipped |= packed.skipped
        if self.storage == "packed":
            return packed
        images, labels = packed[torch.arange(len(packed))]
        return ImageTensors(images, labels, [packed.name(index) for index in range(len(packed))])

    def measured(self, measure: Callable[..., Measure], images: Images, *how: Any) -> Measure:
        fingerprint = images.fingerprint()
        if fingerprint is None:  # in memory: quick
            return measure(images, *how)
        # Of a transform its name and its settings; a repr would tell where it lies in memory.
        settings = [(type(part).__name__, sorted(vars(part).items())) for part in how]
        facts = repr((__version__, measure.__name__, settings, fingerprint))
        key = hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()
        return kept(
            self.cache_folder / f"{measure.__name__}-{key}.pt", lambda: measure(images, *how)
        )


def kept(path: Path, measure: Callable[[], Measure]) -> Measure:
    """Return what is kept at `path`, measuring it first if nothing is."""
    with torch.serialization.safe_globals([PixelStatistics]):
        if path.exists():
            return torch.load(path, weights_only=True)
    value = measure()
    with suppress(OSError), replacing(path) as part:  # without a cache it is measured every time
        torch.save(value, part)
    return value


def held_out(images: Images, fraction: float, seed: int) -> tuple[Images, Images]:
    """Return what is left to train on and the share held out for validation, drawn at random.

    Raises:
        UserError: the fraction leaves nothing on one of the sides.
    """
    count = round(fraction * len(images))
    if not 0 < count < len(images):
        raise UserError(
            f"data.val_fraction is {fraction}: of {len(images)} training images it holds out "
            f"{count}; give a number between 0 and 1"
        )
    order = torch.randperm(len(images), generator=seeded("cpu", seed))
    return images.subset(order[count:]), images.subset(order[:count])
