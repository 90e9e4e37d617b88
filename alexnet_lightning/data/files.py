"""Image files and their classes, and how they become square uint8 tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.errors import UserError


@dataclass(frozen=True)
class FileList:
    """The files of a part of a data set.

    Args:
        paths: image files of any format that Pillow reads.
        labels: int64 (N,), class indices.
    """

    paths: Sequence[Path]
    labels: Tensor


class ImageFiles(Images):
    """Images decoded from their files whenever they are read; for what does not fit on the disk.

    Args:
        files: which.
        size: side in pixels, >= 1.
    """

    def __init__(self, files: FileList, size: int) -> None:
        super().__init__(files.labels)
        self.paths, self.size = files.paths, size

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        images = [decode(self.paths[index], self.size) for index in torch.as_tensor(indices)]
        return torch.stack(images), self.labels[indices]

    def subset(self, indices: Tensor) -> "ImageFiles":
        paths = [self.paths[index] for index in indices.tolist()]
        return ImageFiles(FileList(paths, self.labels[indices]), self.size)

    def name(self, index: int) -> str:
        return str(self.paths[index])


def decode(path: Path, size: int) -> Tensor:
    """Read an image file as uint8 (3, size, size): its shorter side resized, its middle cut out.

    As in Krizhevsky et al. 2012, section 2. Grey, palette, CMYK, 16-bit and transparent images
    become colour (transparency on white), and the orientation that a camera noted is honoured.

    Raises:
        UserError: the file cannot be read as an image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            square = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.array(square)).permute(2, 0, 1)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's ways to say: broken
        raise UserError(f"{path} cannot be read as an image ({error}): replace it") from error
