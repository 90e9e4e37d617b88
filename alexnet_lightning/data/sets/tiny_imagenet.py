"""Tiny ImageNet (Stanford CS231N, 2015): 200 classes of ImageNet at 64 px."""

from pathlib import Path
from typing import Any

import torch

from alexnet_lightning.data.files_module import FilesDataModule, Storage
from alexnet_lightning.data.sets.imagenet import readable
from alexnet_lightning.data.storage.archives import Address, not_found, provide
from alexnet_lightning.data.storage.files import FileList, list_images, same_classes, subfolders
from alexnet_lightning.data.transforms.crops import PadCropFlip
from alexnet_lightning.system.errors import UserError

MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
CLASSES = 200
IMAGES = {"train": 500, "test": 50}  # per class


class TinyImageNetDataModule(FilesDataModule):
    """110,000 photographs of 64 px in 200 classes: 90,000 / 10,000 / 10,000.

    Read from `tiny-imagenet-200/` under `root`, as published; unpacked from
    `tiny-imagenet-200.zip`, which is downloaded (237 MB), if it is missing. The published
    validation images are the test split, because the published test images have no labels;
    validation images are held out of the training images, stratified.

    Args:
        val_fraction: fraction of the training images held out for validation.
        url: address of the archive (http, https or file), or several, tried in their order; null
            never downloads.
    """

    folder = "tiny-imagenet-200"
    default_size = 64
    default_storage: Storage = "memory"
    default_transform = PadCropFlip(8)
    # Over the 100,000 training images in a copy of 32 px; at 64 px the deviation is a bit larger.
    channel_mean = (0.4806, 0.4486, 0.3983)
    channel_std = (0.2521, 0.2448, 0.2590)

    def __init__(
        self,
        val_fraction: float = 0.1,
        url: Address = "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        **common: Any,
    ) -> None:
        self.val_fraction = val_fraction
        self.url = url
        super().__init__(**common)

    @property
    def num_classes(self) -> int:  # known before the download
        return CLASSES

    def prepare_data(self) -> None:
        """Download and unpack what is missing; pack the images."""
        if not self.path.exists():
            try:
                provide(Path(f"{self.path}.zip"), self.url, MD5)
            except UserError as error:
                raise self.missing(str(error)) from error
        super().prepare_data()

    def missing(self, why: str) -> UserError:
        return not_found("Tiny ImageNet", self.root, f"{self.folder}/ and {self.folder}.zip", why)

    def parts(self) -> dict[str, FileList]:
        if not self.path.is_dir():
            raise self.missing("nothing was unpacked")
        wnids = sorted(self.lines("wnids.txt"))
        if len(wnids) != CLASSES:
            raise self.damaged(f"wnids.txt has {len(wnids)} classes, expected {CLASSES}")
        same_classes(self.path / "train", subfolders(self.path / "train"), wnids)
        words = dict(line.split("\t", 1) for line in self.lines("words.txt") if "\t" in line)
        self.class_names = readable(wnids, words)
        train = list_images([self.path / "train" / wnid / "images" for wnid in wnids])
        parts = {"train": train, "test": self.annotated(wnids)}
        for part, where in (("train", "train/"), ("test", "val/val_annotations.txt")):
            counts, expected = parts[part].labels.bincount(minlength=CLASSES), IMAGES[part]
            for wnid, count in zip(wnids, counts, strict=True):
                if count != expected:
                    raise self.damaged(f"{where} has {count} images of {wnid}, expected {expected}")
        return parts

    def annotated(self, wnids: list[str]) -> FileList:
        """The images in val/, whose classes are in val_annotations.txt."""
        images = self.path / "val" / "images"
        there = {path.name for path in images.glob("*")}
        labels = {wnid: label for label, wnid in enumerate(wnids)}
        paths, classes = [], []
        for line in self.lines("val/val_annotations.txt"):
            name, wnid, *_ = [*line.split("\t"), ""]
            if wnid not in labels:
                raise self.damaged(f"val/val_annotations.txt has the line {line!r}: unknown class")
            if name not in there:
                raise self.damaged(f"val/images/{name} is missing, but is in val_annotations.txt")
            paths.append(images / name)
            classes.append(labels[wnid])
        return FileList(paths, torch.tensor(classes))

    def lines(self, name: str) -> list[str]:
        try:
            return (self.path / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError) as error:
            raise self.damaged(f"{name} cannot be read ({error})") from error

    def damaged(self, what: str) -> UserError:
        return UserError(f"{self.path}: {what}; remove the folder, it will be unpacked again")
