"""Lists of image files with their classes, and images decoded each time they are read."""

import hashlib
import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.storage.decoding import DECODER, cannot_open, decode
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class FileList:
    """The image files of a part of a data set, and their class indices: int64 (N,)."""

    paths: Sequence[Path]
    labels: Tensor

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
    """Return the names of the folders in `folder`, sorted, without hidden ones."""
    return sorted(path.name for path in folder.glob("[!.]*/"))


def list_classes(folder: Path, class_names: Sequence[str]) -> FileList:
    """Return the images in `folder`/<class>/, in the order of class and file name.

    UserError if a class folder is missing, empty or not expected.
    """
    same_classes(folder, subfolders(folder), class_names)
    return list_images([folder / name for name in class_names])


def same_classes(where: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    """Raise a UserError for the first class that is in one of the lists only."""
    for name in sorted(set(found) ^ set(expected)):
        fault = "is missing" if name in expected else "is not one of the classes"
        more = f", … ({len(expected)} in all)" if len(expected) > 10 else ""
        raise UserError(f"{where / name} {fault}: expected {', '.join(expected[:10])}{more}")


def list_images(folders: Sequence[Path]) -> FileList:
    """Return the images in these folders; those in the i-th are of class i."""
    files = [image_files(folder) for folder in folders]
    counts = torch.tensor([len(paths) for paths in files])
    labels = torch.arange(len(files)).repeat_interleave(counts)
    return FileList([path for paths in files for path in paths], labels)


def image_files(folder: Path) -> list[Path]:
    """Return the images in a folder sorted by name, without hidden ones; UserError if none."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if is_image(entry.name))
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): add it") from error
    if not names:
        raise UserError(f"{folder} has no images: add some or remove it")
    return [folder / name for name in names]


def is_image(name: str) -> bool:
    """Whether a file name is that of an image, of a format that Pillow reads."""
    return not name.startswith(".") and Path(name).suffix.lower() in suffixes()


@cache
def suffixes() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in Image.OPEN)
