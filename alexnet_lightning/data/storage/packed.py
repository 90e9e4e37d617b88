"""A packed copy of many image files: decoded and resized once, then read at the disk's speed.

A pack is a folder `<parent>-<folder>-<size>-<key>/` in the cache. `images.npy` is uint8
(N, size, size, 3), which numpy maps too, a row for each file in the order of the list;
`index.json` tells what it was made from and which files could not be decoded (their rows are
black). A list of other files, or of files changed since, has another key and another pack; old
ones stay until somebody deletes their folders, for another experiment may use them.
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
    """Images of a pack, read as they are asked for.

    Batches are read, not mapped: pages of a map would count as this process' memory, all in the
    end. The file is opened for each batch, so that an object may be copied into any process.

    Args:
        files: from which the pack was made, all of them.
        size: side in pixels.
        folder: of the pack.
        start: bytes in `images.npy` before the first row.
    """

    def __init__(self, files: FileList, size: int, folder: Path, start: int) -> None:
        super().__init__(files, size)
        self.folder = folder
        self.start = start
        self.rows = torch.arange(len(files.labels))
        self.skipped: dict[str, str] = {}  # files that could not be decoded, and why

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        pixels = np.empty((len(chosen), self.size, self.size, 3), np.uint8)
        try:
            with (self.folder / PIXELS).open("rb", buffering=0) as file:
                for row, image in zip(self.rows[chosen].tolist(), pixels, strict=True):
                    place = self.start + row * image.nbytes
                    if os.preadv(file.fileno(), [image.data], place) != image.nbytes:
                        raise OSError(0, "it ends too early")
        except OSError as error:
            raise UserError(
                f"{self.folder / PIXELS} cannot be read ({error.strerror}): "
                "delete its folder and start again, so that it is packed anew"
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
    """Return the images of these files, packed in `cache`: now, unless they are there already.

    Files that cannot be decoded are left out, and named in a warning.

    Raises:
        UserError: the cache cannot be written; a class has no image that can be decoded.
    """
    folder = cache / pack_name(files, size)
    content = read_pack(folder)
    if content is None:
        pack(files, size, folder)
        content = read_pack(folder)
    if content is None:
        raise UserError(f"{folder} cannot be read right after it was packed: is the disk sound?")
    start, broken = content
    images = PackedImages(files, size, folder, start)
    if not broken:
        return images
    kept = torch.ones(len(images), dtype=torch.bool)
    kept[list(broken)] = False
    check_classes(images, kept)
    images.skipped = {images.name(row): why for row, why in broken.items()}
    names = ", ".join(list(images.skipped)[:3])
    rank_zero_warn(
        f"{len(broken)} of {len(images)} images cannot be read and are left out: {names}"
        f"{', …' if len(broken) > 3 else ''}; {folder / INDEX} says which and why"
    )
    return images.subset(kept.nonzero().flatten())


def check_classes(images: FileImages, kept: Tensor) -> None:
    """Raise a UserError if a class has lost all its images."""
    labels = images.labels
    for label in sorted(set(labels.tolist()) - set(labels[kept].tolist())):
        lost = (labels == label).nonzero().flatten()
        raise UserError(
            f"class {label} has no image that can be read: replace its {len(lost)} files, "
            f"{images.name(int(lost[0]))} and so on"
        )


def pack_name(files: FileList, size: int) -> str:
    """The pack's folder: the key says all, the rest is for who looks into the cache."""
    folder = Path(files.folder).resolve()
    return f"{folder.parent.name}-{folder.name}"[-80:] + f"-{size}-{files.key(size)}"
