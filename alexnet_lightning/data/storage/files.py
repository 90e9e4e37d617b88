"""Image files and their classes, and images that are decoded whenever they are read."""

import hashlib
import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.storage.decoding import DECODER, decode
from alexnet_lightning.system.errors import UserError

__all__ = ["FileImages", "FileList", "ImageFiles", "decode"]


@dataclass(frozen=True)
class FileList:
    """The files of a part of a data set.

    Args:
        paths: image files of any format that Pillow reads.
        labels: int64 (N,), class indices.
    """

    paths: Sequence[Path]
    labels: Tensor

    @property
    def folder(self) -> str:
        """The innermost folder that holds them all, with a separator at its end."""
        # Of the strings: in a second for a million paths, where `commonpath` takes them apart.
        shared = os.path.commonprefix([str(path) for path in self.paths])  # noqa: RUF071
        return shared[: shared.rfind(os.sep) + 1]

    def key(self, size: int) -> str:
        """Return what changes with any file, with the order of files, with `size` and `decode`.

        Of each file its name below `folder`, so that a data set may move, its length and its time
        of change. Not its content: reading 1.28 M files takes an hour, asking for these seconds.

        Raises:
            UserError: a file is missing.
        """
        digest = hashlib.blake2b(f"{DECODER} {size}".encode(), digest_size=8)
        start = len(self.folder)
        for path in map(str, self.paths):
            try:
                status = os.stat(path)  # noqa: PTH116  # half the time of Path.stat
            except OSError as error:
                raise UserError(f"{path} cannot be opened ({error.strerror}): see to it") from error
            facts = f"{path[start:]}\0{status.st_size}\0{status.st_mtime_ns}\0"
            digest.update(os.fsencode(facts))
        return digest.hexdigest()


class FileImages(Images):
    """Images that were read from files, and are called by them.

    Args:
        files: which.
        size: side in pixels, >= 1.
    """

    def __init__(self, files: FileList, size: int) -> None:
        super().__init__(files.labels)
        self.size = size
        # A million Path objects are half a GB, which every worker would copy bit by bit.
        self.paths = np.array([os.fsencode(path) for path in files.paths], dtype=bytes)

    def subset(self, indices: Tensor) -> Self:
        part = copy(self)
        part.labels, part.paths = self.labels[indices], self.paths[indices.numpy()]
        return part

    def name(self, index: int) -> str:
        return os.fsdecode(self.paths[index])


class ImageFiles(FileImages):
    """Images decoded from their files whenever they are read; for what does not fit on the disk."""

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        images = [decode(Path(self.name(index)), self.size) for index in chosen.tolist()]
        return torch.stack(images), self.labels[chosen]

    def fingerprint(self) -> str:
        paths = [Path(self.name(index)) for index in range(len(self))]
        return FileList(paths, self.labels).key(self.size)
