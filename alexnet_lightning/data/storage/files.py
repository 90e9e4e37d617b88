"""Lists of image files with their classes, and images decoded each time they are read."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.storage.decoding import DECODER, cannot_open, decode
from alexnet_lightning.system.errors import UserError

JUNK = {  # folders that systems and programs make
    *("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"),
    "__pycache__",
}
UNREAD = {".heic", ".heif", ".avif", ".jxl", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".svg"}
NOWHERE = "its link leads nowhere"


@dataclass(frozen=True)
class LeftOut:
    """What lies in a data set and is not used, by path, and why."""

    images: dict[str, str] = field(default_factory=dict)  # that someone may miss
    others: dict[str, str] = field(default_factory=dict)  # that are no images of a class

    def add(self, others: "LeftOut") -> None:
        self.images.update(others.images)
        self.others.update(others.others)

    def add_file(self, entry: os.DirEntry[str]) -> None:
        """Note a file that is no image to use."""
        suffix = Path(entry.name).suffix.lower()
        if entry.name.startswith("."):
            if suffix in suffixes():
                self.others[entry.path] = "hidden"
        elif not entry.is_file():
            self.images[entry.path] = NOWHERE
        elif suffix in UNREAD:
            self.images[entry.path] = f"Pillow reads no {suffix} here: convert it to JPEG or PNG"
        else:
            self.others[entry.path] = "no image"

    def add_folder(self, entry: os.DirEntry[str], why: str) -> None:
        count = sum(len(names) for _, _, names in os.walk(entry.path))
        self.others[entry.path] = f"{why}, with {count:,} files"


@dataclass(frozen=True)
class FileList:
    """The image files of a part of a data set, and their class indices: int64 (N,)."""

    paths: Sequence[Path]
    labels: Tensor
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def folder(self) -> str:
        """The innermost folder that contains all files, with a separator at its end."""
        # As strings: one second for a million paths, which `commonpath` would split into parts.
        shared = os.path.commonprefix([str(path) for path in self.paths])  # noqa: RUF071
        return shared[: shared.rfind(os.sep) + 1]

    def key(self, size: int) -> str:
        """Return a key that changes with any file, the order of files, `size` and the decoder.

        It hashes each file's path below `folder` (so that a data set may move), length and time
        of change, not its content: reading 1.28 M files takes an hour, this takes seconds.
        """
        digest = hashlib.blake2b(f"{DECODER} {size}".encode(), digest_size=8)
        start = len(self.folder)
        for path in map(str, self.paths):
            try:
                status = os.stat(path)  # noqa: PTH116  # half the time of Path.stat
            except OSError as error:
                raise cannot_open(path, error) from error
            facts = f"{path[start:]}\0{status.st_size}\0{status.st_mtime_ns}\0"
            digest.update(os.fsencode(facts))
        return digest.hexdigest()


class FileImages(Images):
    """Images of files, named by them; `size` is their side in pixels, >= 1."""

    def __init__(self, files: FileList, size: int) -> None:
        super().__init__(files.labels)
        self.size = size
        # Bytes: a million Path objects are half a GB, which each worker would copy.
        self.paths = np.array([os.fsencode(path) for path in files.paths], dtype=bytes)

    def subset(self, indices: Tensor) -> Self:
        part = copy(self)
        part.labels, part.paths = self.labels[indices], self.paths[indices.numpy()]
        return part

    def name(self, index: int) -> str:
        return os.fsdecode(self.paths[index])


class ImageFiles(FileImages):
    """Images decoded each time they are read, for data sets too large to pack."""

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        images = [decode(Path(self.name(index)), self.size) for index in chosen.tolist()]
        return torch.stack(images), self.labels[chosen]

    def fingerprint(self) -> str:
        paths = [Path(self.name(index)) for index in range(len(self))]
        return FileList(paths, self.labels).key(self.size)


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted, without hidden ones and JUNK."""
    return sorted(path.name for path in folder.glob("[!.]*/") if path.name not in JUNK)


def list_classes(folder: Path, class_names: Sequence[str]) -> FileList:
    """Return the images in `folder`/<class>/, in the order of class and file name.

    UserError if a class folder is missing, empty or not expected.
    """
    same_classes(folder, subfolders(folder), class_names)
    found = list_images([folder / name for name in class_names])
    found.left_out.add(beside(folder, class_names))
    return found


def beside(folder: Path, used: Sequence[str]) -> LeftOut:
    """Return the folders, dead links and images beside the folders of a data set."""
    found = LeftOut()
    for entry in entries(folder):
        if entry.is_dir():
            if entry.name not in (*used, ".cache"):
                found.add_folder(entry, "no folder of the data set")
        elif is_image(entry.name):
            found.images[entry.path] = "it is in no class folder"
        elif entry.is_symlink() and not entry.is_file():
            found.images[entry.path] = NOWHERE
    return found


def same_classes(where: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    """Raise a UserError for the first class that is in one of the lists only."""
    for name in sorted(set(found) ^ set(expected)):
        fault = "is missing" if name in expected else "is not one of the classes"
        more = f", … ({len(expected)} in all)" if len(expected) > 10 else ""
        raise UserError(f"{where / name} {fault}: expected {', '.join(expected[:10])}{more}")


def list_images(folders: Sequence[Path]) -> FileList:
    """Return the images in these folders; those in the i-th are of class i."""
    left_out = LeftOut()
    files = [image_files(folder, left_out) for folder in folders]
    counts = torch.tensor([len(paths) for paths in files])
    labels = torch.arange(len(files)).repeat_interleave(counts)
    return FileList([path for paths in files for path in paths], labels, left_out)


def image_files(folder: Path, left_out: LeftOut) -> list[Path]:
    """Return the images in a folder and in folders in it by name; UserError if there are none.

    What is not used of it is added to `left_out`.
    """
    paths = list(images_below(folder, left_out))
    if not paths:
        unused = [why for path, why in left_out.images.items() if Path(path).parent == folder]
        why = f" that can be used ({len(unused)} cannot: {unused[0]})" if unused else ""
        raise UserError(f"{folder} has no images{why}: add some or remove it")
    return paths


def images_below(folder: Path, left_out: LeftOut) -> Iterator[Path]:
    for entry in entries(folder):
        if entry.is_dir():
            if entry.name in JUNK or entry.name.startswith("."):
                left_out.add_folder(entry, "no folder of the data set")
            elif entry.is_symlink():  # it may lead back here
                left_out.add_folder(entry, "a link to a folder within a class")
            else:
                yield from images_below(folder / entry.name, left_out)
        elif is_image(entry.name) and entry.is_file():
            yield folder / entry.name
        else:
            left_out.add_file(entry)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, by name."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=attrgetter("name"))
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): add it") from error


def is_image(name: str) -> bool:
    """Whether a file name is that of an image, of a format that Pillow reads."""
    return not name.startswith(".") and Path(name).suffix.lower() in suffixes()


@cache
def suffixes() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in Image.OPEN)
