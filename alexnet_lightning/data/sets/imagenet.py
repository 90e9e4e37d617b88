"""ImageNet (ILSVRC 2012), all of it or some of its classes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.files_module import FilesDataModule, held_out
from alexnet_lightning.data.sets.wordnet import readable
from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.data.storage.folder import (
    image_files,
    list_classes,
    same_classes,
    subfolders,
)
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.system.errors import UserError

DEVKIT = Path("ILSVRC2012_devkit_t12") / "data"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"


class ImageNetDataModule(FilesDataModule):
    """Photographs in the classes that have a folder: of all 1,000, 1,268,355 / 12,812 / 50,000.

    Read from `<folder>/` under `root`, as one gets it from image-net.org after registration:
    `train/<wnid>/`, and `val/<wnid>/` or, flat, `val/ILSVRC2012_val_00000001.JPEG` and so on with
    the development kit (`ILSVRC2012_devkit_t12/data/`, or `meta.mat` and
    `ILSVRC2012_validation_ground_truth.txt` alone). The official validation images are the test
    split; validation images are held out of the training images at random. Classes are called by
    their words where the development kit is there, else by their wnids. Packed at 256 px, all
    1,000 classes take 262 GB; `storage` "files" takes none.

    Args:
        folder: under `root`.
        val_fraction: share of the training images held out for validation.
    """

    default_size = 256
    default_transform = ResizeCropFlip(256, 224)
    # Of the training images at 224 px, as torchvision's weights have them.
    channel_mean = (0.485, 0.456, 0.406)
    channel_std = (0.229, 0.224, 0.225)

    def __init__(self, folder: str = "imagenet", val_fraction: float = 0.01, **common: Any) -> None:
        self.folder = folder
        self.val_fraction = val_fraction
        super().__init__(**common)
        self.wnids = self.classes()
        self.class_names = readable(self.wnids, self.words())

    @property
    def path(self) -> Path:
        """Where the data set lies."""
        return Path(self.root) / self.folder

    def classes(self) -> list[str]:
        """The wnids that have a folder of training images."""
        wnids = subfolders(self.path / "train")
        if not wnids or not (self.path / "val").is_dir():
            raise UserError(
                f"no ImageNet in {self.path.resolve()}: looked for train/<wnid>/ and val/; it is "
                "not free to download: register at https://image-net.org, unpack it there, or "
                "name another folder with --data.root and --data.folder"
            )
        return wnids

    def devkit(self, name: str) -> Path:
        """Where a file of the development kit lies or would lie."""
        beside = self.path / name
        return beside if beside.is_file() else self.path / DEVKIT / name

    def words(self) -> dict[str, str]:
        """The words of each wnid, if the development kit is there."""
        meta = self.devkit(META)
        return dict(synsets(meta).values()) if meta.is_file() else {}

    def parts(self) -> dict[str, FileList]:
        train, val = self.path / "train", self.path / "val"
        return {
            "train": list_classes(train, self.wnids),
            "test": list_classes(val, self.wnids) if subfolders(val) else self.flat(val),
        }

    def flat(self, folder: Path) -> FileList:
        """Images whose numbers, at the end of their names, are lines of the list of classes."""
        truth, meta = self.devkit(TRUTH), self.devkit(META)
        for path in (truth, meta):
            if not path.is_file():
                raise UserError(
                    f"{folder} has no class folders, and {path} is not there: unpack "
                    f"ILSVRC2012_devkit_t12.tar.gz in {self.path}, or sort the images by class"
                )
        numbers, known = truth.read_text().split(), synsets(meta)
        wnids = dict(enumerate((known.get(number, ("",))[0] for number in numbers), start=1))
        paths = image_files(folder)
        found = [wnids.get(number_of(path), "") for path in paths]
        if "" in found:
            raise UserError(f"{paths[found.index('')]}: {truth} and {meta} know no class of it")
        same_classes(folder, found, self.wnids)
        labels = {wnid: label for label, wnid in enumerate(self.wnids)}
        return FileList(paths, torch.tensor([labels[wnid] for wnid in found]))

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        train, val = held_out(parts["train"], self.val_fraction, self.seed)
        return {"train": train, "val": val, "test": parts["test"]}


def number_of(path: Path) -> int:
    """The number at the end of an official name, or -1."""
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else -1


def synsets(path: Path) -> dict[str, tuple[str, str]]:
    """Read meta.mat: the wnid and the words of each official class number."""
    from scipy.io import loadmat

    try:
        table = np.atleast_1d(loadmat(path, squeeze_me=True)["synsets"])
        columns = (table[name] for name in ("ILSVRC2012_ID", "WNID", "words"))
        return {
            str(number): (str(wnid), str(words))
            for number, wnid, words in zip(*columns, strict=True)
        }
    except Exception as error:  # a damaged file can raise anything
        raise UserError(f"{path} cannot be read as the kit's ({error!r}): replace it") from error
