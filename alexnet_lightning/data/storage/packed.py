"""Packed images: image files decoded and resized once, then read at the disk's speed.

A pack is a folder `<parent>-<folder>-<size>-<key>/` in the cache. `images.npy` is uint8
(N, size, size, 3), one row per file, which numpy can map; `index.json` has its source and the
files that could not be decoded (their rows are black). Other files, or changed ones, have another
key and so another pack. Old packs stay until their folders are deleted: other runs may use them.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor

from alexnet_lightning.data.storage.files import FileImages, FileList
from alexnet_lightning.data.storage.packing import INDEX, PIXELS, pack, read_pack
from alexnet_lightning.system.errors import UserError


class PackedImages(FileImages):
    """Images of a pack, read on demand.

    Batches are read, not mapped: mapped pages would count as memory of this process. The file is
    opened for each batch, so that an object can be copied to any process.

    Args:
        files: all files of the pack.
        size: side in pixels.
        folder: of the pack.
        start: offset in bytes of the first row in `images.npy`.
    """

    def __init__(self, files: FileList, size: int, folder: Path, start: int) -> None:
        super().__init__(files, size)
        self.folder = folder
        self.start = start
        self.rows = torch.arange(len(files.labels))
        self.skipped: dict[str, str] = {}  # errors of the files that could not be decoded

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        pixels = np.empty((len(chosen), self.size, self.size, 3), np.uint8)
        try:
            with (self.folder / PIXELS).open("rb", buffering=0) as file:
                for row, image in zip(self.rows[chosen].tolist(), pixels, strict=True):
                    offset = self.start + row * image.nbytes
                    if os.preadv(file.fileno(), [image.data], offset) != image.nbytes:
                        raise OSError(0, "it is too short")
        except OSError as error:
            raise UserError(
                f"{self.folder / PIXELS} cannot be read ({error.strerror}): "
                "delete its folder and start again, to pack the images again"
            ) from error
        return torch.from_numpy(pixels).permute(0, 3, 1, 2), self.labels[chosen]

    def subset(self, indices: Tensor) -> Self:
        part = super().subset(indices)
        part.rows = self.rows[indices]
        return part

    def fingerprint(self) -> str:
        chosen = hashlib.blake2b(self.rows.numpy().tobytes(), digest_size=8).hexdigest()
        return f"{self.folder.name}-{chosen}"


def open_pack(files: FileList, size: int, cache: Path) -> PackedImages:
    """Return the images of these files, packed in `cache` first if they are not there.

    Files that cannot be decoded are left out, with a warning.

    Raises:
        UserError: the cache cannot be written, or a class has no image that can be decoded.
    """
    source = Path(files.folder).resolve()
    name = f"{source.parent.name}-{source.name}"[-80:]  # for readers; the key identifies the pack
    folder = cache / f"{name}-{size}-{files.key(size)}"
    content = read_pack(folder)
    if content is None:
        pack(files, size, folder)
        content = read_pack(folder)
    if content is None:
        raise UserError(f"{folder} cannot be read right after it was written: check the disk")
    start, broken = content
    images = PackedImages(files, size, folder, start)
    if not broken:
        return images
    kept = torch.ones(len(images), dtype=torch.bool)
    kept[list(broken)] = False
    labels = images.labels
    for label in sorted(set(labels.tolist()) - set(labels[kept].tolist())):
        lost = (labels == label).nonzero().flatten()
        raise UserError(
            f"class {label} has no image that can be read: replace its {len(lost)} files, "
            f"{images.name(int(lost[0]))} …"
        )
    images.skipped = {images.name(row): why for row, why in broken.items()}
    names = ", ".join(list(images.skipped)[:3])
    rank_zero_warn(
        f"{len(broken)} of {len(images)} images cannot be read and are left out: {names}"
        f"{', …' if len(broken) > 3 else ''}; see {folder / INDEX}"
    )
    return images.subset(kept.nonzero().flatten())
