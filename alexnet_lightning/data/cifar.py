"""CIFAR-10 (Krizhevsky, 2009), in whichever of its usual forms it lies on the disk."""

import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Images, ImageTensors, seeded
from alexnet_lightning.data.download import download, md5_of
from alexnet_lightning.data.folder import read_class_folders
from alexnet_lightning.data.transforms import PadCropFlip
from alexnet_lightning.errors import UserError

BATCHES = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"  # as on the data set's home page
FOLDERS = "cifar10"
TRAIN_FILES = [f"data_batch_{number}" for number in range(1, 6)]
TEST_FILE = "test_batch"
CLASSES = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
]


class CIFAR10DataModule(ImageDataModule):
    """60,000 colour images of 32 px in ten classes: 40,000 / 10,000 / 10,000.

    Read from what lies under `root`, in this order: `cifar-10-batches-py/` (the official pickles),
    `cifar-10-python.tar.gz` (the official archive), `cifar10/{train,test}/<class>/*.{png,jpg,jpeg}`
    (class folders). Else the archive is downloaded there. The validation images are drawn at random
    from the training images in the order of their source, and class folders have another order than
    the official files: the same seed gives another split there.

    Args:
        val_images: how many of the training images are held out for validation, >= 1.
        url: where to get the archive (http, https or file); null never downloads.
    """

    class_names = CLASSES
    native_size = 32
    # Over the 50,000 official training images and all their pixels.
    channel_mean = (0.4914, 0.4822, 0.4465)
    channel_std = (0.2470, 0.2435, 0.2616)

    default_transform = PadCropFlip()

    def __init__(
        self,
        val_images: int = 10_000,
        url: str | None = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.val_images = val_images
        self.url = url

    def prepare_data(self) -> None:
        """Download the archive unless a copy of the data set is there."""
        if self.source() is not None:
            return
        if self.url is None:
            raise self.missing("data.url is null, so nothing was downloaded")
        try:
            download(self.url, Path(self.root) / ARCHIVE, ARCHIVE_MD5)
        except UserError as error:
            raise self.missing(str(error)) from error

    def source(self) -> Path | None:
        """The first of the three forms that lies under `root`."""
        root = Path(self.root)
        if (root / BATCHES).is_dir():
            return root / BATCHES
        if (root / ARCHIVE).is_file():
            return root / ARCHIVE
        return root / FOLDERS if (root / FOLDERS / "train").is_dir() else None

    def missing(self, why: str) -> UserError:
        """The error that says what was looked for, where, and how to provide it."""
        return UserError(
            f"no CIFAR-10 under {Path(self.root).resolve()}: looked for {BATCHES}/, {ARCHIVE} and "
            f"{FOLDERS}/{{train,test}}/<class>/*.{{png,jpg,jpeg}}; {why}; put one of them there, "
            f"or name another folder with --data.root or another address with --data.url"
        )

    def load(self) -> dict[Split, Images]:
        source = self.source()
        if source is None:
            raise self.missing("nothing was downloaded")
        read = {BATCHES: read_batches, ARCHIVE: read_archive, FOLDERS: read_folders}[source.name]
        train, test = read(source)
        if not 1 <= self.val_images < len(train):
            raise UserError(
                f"data.val_images is {self.val_images}: give 1 to {len(train) - 1}, "
                f"for {source} has {len(train)} training images"
            )
        order = torch.randperm(len(train), generator=seeded("cpu", self.seed))
        return {
            "train": train.subset(order[self.val_images :]),
            "val": train.subset(order[: self.val_images]),
            "test": test,
        }


def read_batches(folder: Path) -> tuple[ImageTensors, ImageTensors]:
    """Training and test images from the folder of official pickles."""
    paths = [folder / name for name in [*TRAIN_FILES, TEST_FILE]]
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} is missing: complete the folder or remove it")
    return from_pickles({path.name: path.read_bytes() for path in paths}, folder)


def read_archive(path: Path) -> tuple[ImageTensors, ImageTensors]:
    """Training and test images from the official archive, unpacked in memory only."""
    if (found := md5_of(path)) != ARCHIVE_MD5:
        raise UserError(
            f"{path} has the md5 sum {found}, expected {ARCHIVE_MD5}: remove it to fetch it again"
        )
    with tarfile.open(path) as archive:
        files = {
            Path(member.name).name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }
    return from_pickles(files, path)


def from_pickles(files: Mapping[str, bytes], where: Path) -> tuple[ImageTensors, ImageTensors]:
    """Training and test images from the content of the six official files."""
    parts = [from_pickle(files[name], where / name) for name in [*TRAIN_FILES, TEST_FILE]]
    train = parts[:-1]
    images = torch.cat([part.images for part in train])
    return ImageTensors(images, torch.cat([part.labels for part in train])), parts[-1]


def from_pickle(content: bytes, where: Path) -> ImageTensors:
    """One official file: a dict of data, uint8 (N, 3072), and labels, N numbers in 0-9."""
    try:
        batch = ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        images = torch.from_numpy(batch["data"]).reshape(-1, 3, 32, 32)
        labels = torch.tensor(batch["labels"], dtype=torch.int64)
        if images.dtype != torch.uint8 or labels.shape != images.shape[:1]:
            raise ValueError(f"data {images.dtype} {tuple(images.shape)}, {len(labels)} labels")
        if not ((labels >= 0) & (labels < len(CLASSES))).all():
            raise ValueError("labels outside 0-9")
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(f"{where} is not a file of CIFAR-10 ({error}): replace it") from error
    return ImageTensors(images, labels)


class ArraysOnly(pickle.Unpickler):
    """Loads numpy arrays and plain Python values; refuses everything that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        admitted = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            # The official files name it by its home in numpy 1, newer ones by that in numpy 2.
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        }
        if (module, name) not in admitted:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return admitted[module, name]


def read_folders(folder: Path) -> tuple[ImageTensors, ImageTensors]:
    """Training and test images from class folders, in the order of class, then of file name."""
    train, test = (read_class_folders(folder / part, CLASSES, 32) for part in ("train", "test"))
    return train, test
