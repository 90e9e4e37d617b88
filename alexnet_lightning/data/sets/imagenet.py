"""ImageNet (ILSVRC 2012), all or some of its classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, held_out
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.data.storage.files import (
    FileList,
    LeftOut,
    image_files,
    list_classes,
    same_classes,
    subfolders,
)
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.system.errors import UserError


class ImageNetDataModule(FilesDataModule):
    """Photographs of the classes that have a folder; all 1,000: 1,268,355 / 12,812 / 50,000.

    Read from `<folder>/` under `root`, as image-net.org provides it after registration:
    `train/<wnid>/`, and either `val/<wnid>/`, or `val/ILSVRC2012_val_00000001.JPEG` … with the
    development kit (`ILSVRC2012_devkit_t12/data/`, or its `meta.mat` and
    `ILSVRC2012_validation_ground_truth.txt`). The official validation images are the test split;
    random training images are held out for validation. The development kit gives the class names;
    without it they are the wnids. Packed at 256 px, all 1,000 classes take 262 GB;
    `storage: files` needs no space.

    Args:
        folder: under `root`.
        val_fraction: fraction of the training images held out for validation.
    """

    default_transform = ResizeCropFlip(256, 224)

    def __init__(self, folder: str = "imagenet", val_fraction: float = 0.01, **common: Any) -> None:
        self.folder = folder
        self.val_fraction = val_fraction
        super().__init__(**common)
        self.wnids = subfolders(self.path / "train")
        if not self.wnids or not (self.path / "val").is_dir():
            raise UserError(
                f"no ImageNet in {self.path.resolve()}: looked for train/<wnid>/ and val/; to "
                "download it, register at https://image-net.org; unpack it there, or name "
                "another folder with --data.root and --data.folder"
            )
        meta = self.devkit("meta.mat")
        words = dict(synsets(meta).values()) if meta.is_file() else {}
        self.class_names = readable(self.wnids, words)

    def devkit(self, name: str) -> Path:
        """Path of a file of the development kit, which may be missing."""
        beside = self.path / name
        return beside if beside.is_file() else self.path / "ILSVRC2012_devkit_t12" / "data" / name

    def parts(self) -> dict[str, FileList]:
        train, val = self.path / "train", self.path / "val"
        return {
            "train": list_classes(train, self.wnids),
            "test": list_classes(val, self.wnids) if subfolders(val) else self.flat(val),
        }

    def flat(self, folder: Path) -> FileList:
        """Images without class folders: the number in a name is a line in the list of classes."""
        truth = self.devkit("ILSVRC2012_validation_ground_truth.txt")
        meta = self.devkit("meta.mat")
        for path in (truth, meta):
            if not path.is_file():
                raise UserError(
                    f"{folder} has no class folders, and {path} is missing: unpack "
                    f"ILSVRC2012_devkit_t12.tar.gz in {self.path}, or sort the images by class"
                )
        numbers, known = truth.read_text(encoding="utf-8").split(), synsets(meta)
        wnids = {str(i): known.get(number, ("",))[0] for i, number in enumerate(numbers, start=1)}
        left_out = LeftOut()
        paths = image_files(folder, left_out)
        found = [wnids.get(path.stem.rpartition("_")[2].lstrip("0"), "") for path in paths]
        if "" in found:
            raise UserError(f"{paths[found.index('')]}: {truth} and {meta} give no class for it")
        same_classes(folder, found, self.wnids)
        labels = {wnid: label for label, wnid in enumerate(self.wnids)}
        return FileList(paths, torch.tensor([labels[wnid] for wnid in found]), left_out)

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        images = parts["train"]
        count = round(self.val_fraction * len(images))
        if not 0 < count < len(images):
            raise UserError(
                f"data.val_fraction is {self.val_fraction}: it holds out {count} of {len(images)} "
                "training images; give a number between 0 and 1"
            )
        train, val = held_out(images, count, self.seed)
        return {"train": train, "val": val, "test": parts["test"]}


def synsets(path: Path) -> dict[str, tuple[str, str]]:
    """Read meta.mat: wnid and words of each official class number."""
    from scipy.io import loadmat

    try:
        table = np.atleast_1d(loadmat(path, squeeze_me=True)["synsets"])
        columns = (map(str, table[name]) for name in ("ILSVRC2012_ID", "WNID", "words"))
        return {number: (wnid, words) for number, wnid, words in zip(*columns, strict=True)}
    except Exception as error:  # a damaged file can raise anything
        raise UserError(
            f"{path} cannot be read as the development kit's ({error!r}): replace it"
        ) from error


def readable(wnids: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """Return a unique name for each wnid: its first word, plus the wnid where two share it.

    `words` maps a wnid to its words, separated by commas; without words, the wnid is the name.
    """
    first = {wnid: words.get(wnid, wnid).split(",")[0].strip() for wnid in wnids}
    times = Counter(first.values())
    return [name if times[name] == 1 else f"{name} ({wnid})" for wnid, name in first.items()]
