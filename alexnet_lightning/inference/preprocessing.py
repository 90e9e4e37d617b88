"""From any picture to a network's input, as the network's own test images came to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.transforms.crops import Views
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.data.transforms.scaling import normalise


@dataclass(frozen=True)
class Preprocessing:
    """What a checkpoint keeps of its data set; see `ImageDataModule.preprocessing`.

    Args:
        class_names: in the order of the logits.
        channels: 3 for colour, 1 for grey.
        size: side in pixels of the data set's images.
        resize: side in pixels that they are resized to.
        crop: side in pixels of the window that the network sees.
        mean, std, pixel_max: of `scaling.normalise`.
    """

    class_names: list[str]
    channels: int
    size: int
    resize: int
    crop: int
    mean: list[float] | Tensor
    std: list[float]
    pixel_max: float

    @classmethod
    def of(cls, checkpoint: dict[str, Any]) -> "Preprocessing":
        """Return that of a checkpoint."""
        return cls(**checkpoint["preprocessing"])

    def decode(self, picture: Path | bytes) -> Tensor:
        """Read an image file, or its content, as uint8 (channels, size, size).

        Raises:
            BrokenImageError: it is no image.
            UserError: the file cannot be opened.
        """
        pixels = decode(picture, self.size)
        if self.channels == 3:
            return pixels
        # ITU-R 601, as Pillow's "L".
        weights = torch.tensor([299.0, 587.0, 114.0])[:, None, None] / 1000
        return (pixels * weights).sum(dim=0, keepdim=True).round().byte()

    def views(self, images: Tensor, views: Views) -> Tensor:
        """The network's input: uint8 (N, channels, size, size) to (N, V, channels, crop, crop)."""
        seen = ResizeCropFlip(self.resize, self.crop).views(images, views)
        flat = normalise(seen.flatten(0, 1), self.mean, self.std, self.pixel_max)
        return flat.unflatten(0, seen.shape[:2])

    def centre(self, images: Tensor) -> Tensor:
        """The network's centre view to look at: uint8 (N, channels, size, size) to 0-255 (…, crop).

        The same as `views` without the normalisation.
        """
        return ResizeCropFlip(self.resize, self.crop).views(images, "centre")[:, 0]
