"""From any image file to the network's input, with the data set's own preprocessing."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.data.transforms.scaling import normalise
from alexnet_lightning.data.transforms.views import Views


@dataclass(frozen=True)
class Preprocessing:
    """What a checkpoint stores about its data set; see `ImageDataModule.preprocessing`.

    Args:
        class_names: in the order of the logits.
        channels: 3 for color, 1 for gray.
        size: side in pixels of the data set's images.
        resize: side in pixels that they are resized to.
        crop: side in pixels of the network's input.
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

    def decode(self, image: Path | bytes) -> Tensor:
        """Read an image file, or its content, as uint8 (channels, size, size); see `decode`."""
        pixels = decode(image, self.size)
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
        """The center view without normalization, 0-255, (N, channels, crop, crop), to show."""
        return ResizeCropFlip(self.resize, self.crop).views(images, "centre")[:, 0]
