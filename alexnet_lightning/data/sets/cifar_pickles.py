"""The official files of CIFAR: Python pickles, in a folder or in their archive."""

import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.data.storage.download import check_md5
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class OfficialFiles:
    """Names and format of a data set's official files.

    Args:
        folder: of the pickles.
        archive: of that folder.
        md5: checksum of the archive, from the data set's home page.
        train, test: the pickles.
        labels: a pickle's key of the class indices.
        classes: number of classes.
    """

    folder: str
    archive: str
    md5: str
    train: tuple[str, ...]
    test: str
    labels: str
    classes: int

    def from_folder(self, folder: Path) -> tuple[ImageTensors, ImageTensors]:
        """Training and test images from the folder."""
        paths = [folder / name for name in (*self.train, self.test)]
        for path in paths:
            if not path.is_file():
                raise UserError(f"{path} is missing: add it or remove the folder")
        return self.joined({path.name: path.read_bytes() for path in paths}, folder)

    def from_archive(self, path: Path) -> tuple[ImageTensors, ImageTensors]:
        """Training and test images from the archive, unpacked in memory only."""
        check_md5(path, self.md5)
        with tarfile.open(path) as archive:
            files = {
                Path(member.name).name: file.read()
                for member in archive
                if (file := archive.extractfile(member)) is not None
            }
        return self.joined(files, path)

    def joined(self, files: Mapping[str, bytes], where: Path) -> tuple[ImageTensors, ImageTensors]:
        """Training and test images from the content of the pickles."""
        *train, test = (
            self.from_pickle(files[name], where / name) for name in (*self.train, self.test)
        )
        images, labels = (torch.cat(parts) for parts in zip(*train, strict=True))
        return ImageTensors(images, labels), ImageTensors(*test)

    def from_pickle(self, content: bytes, where: Path) -> tuple[Tensor, Tensor]:
        """Images and labels of one pickle: a dict of data, uint8 (N, 3072), and class indices."""
        try:
            batch = ArraysOnly(io.BytesIO(content), encoding="latin1").load()
            images = torch.from_numpy(batch["data"]).reshape(-1, 3, 32, 32)
            labels = torch.tensor(batch[self.labels], dtype=torch.int64)
            if images.dtype != torch.uint8 or labels.shape != images.shape[:1]:
                raise ValueError(f"data {images.dtype} {tuple(images.shape)}, {len(labels)} labels")
            if not ((labels >= 0) & (labels < self.classes)).all():
                raise ValueError(f"labels outside 0-{self.classes - 1}")
        except Exception as error:  # a damaged pickle can raise anything
            raise UserError(f"{where} is not a CIFAR file ({error}): replace it") from error
        return images, labels


class ArraysOnly(pickle.Unpickler):
    """Loads numpy arrays and plain Python values only: nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            # Its module in numpy 1, which the official files name, and in numpy 2.
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it contains {module}.{name}")
        return allowed[module, name]
