"""Lists of image files with their classes, and images decoded each time they are read."""

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
from alexnet_lightning.data.storage.decoding import DECODER, cannot_open, decode


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
        """The innermost folder that contains all files, with a separator at its end."""
        # As strings: one second for a million paths, which `commonpath` would split into parts.
        shared = os.path.commonprefix([str(path) for path in self.paths])  # noqa: RUF071
        return shared[: shared.rfind(os.sep) + 1]

    def key(self, size: int) -> str:
        """Return a key that changes with any file, the order of files, `size` and the decoder.

        It hashes each file's path below `folder` (so that a data set may move), length and time
        of change, not its content: reading 1.28 M files takes an hour, this takes seconds.

        Raises:
            UserError: a file is missing.
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
    """Images of files, named by them.

    Args:
        size: side in pixels, >= 1.
    """

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
