"""Transforms of whole batches of square images; chance is drawn once per image.

A transform takes uint8 tensors (N, C, S, S) with values 0-255 and gives uint8 or float32 ones with
values 0-255, on the device it finds them on. Scaling to the recipe's pixel range comes afterwards,
in `ImageDataModule.normalise`.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from alexnet_lightning.data.transforms.resampling import crop
from alexnet_lightning.system.errors import UserError

# Of a test image: the centre; the centre and its mirror image; of both, the centre and it shifted
# by a pixel each way; of both, four corners and the centre. Write-up 3's twenty views, ten crops
# and their flips, are these ten, twice.
Views = Literal["centre", "flip", "six", "ten"]


class Transform(ABC):
    """What happens to a batch of images before normalisation, in training and in evaluation."""

    @abstractmethod
    def output_size(self, native: int) -> int:
        """Side in pixels of the images that leave, for images of side `native`."""

    @abstractmethod
    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        """Training view: uint8 (N, C, S, S) to 0-255 (N, C, T, T), random per image.

        `generator` lives on the images' device and is the only source of chance.
        """

    def augment_in(self, epoch: int, images: Tensor, generator: Generator) -> Tensor:
        """Training view in an epoch, counted from 0; to most transforms it does not matter."""
        return self.augment(images, generator)

    def whole(self, images: Tensor) -> Tensor:
        """What evaluation views are cut from: uint8 (N, C, S, S) to 0-255 (N, C, R, R)."""
        return images

    def whole_size(self, native: int) -> int:
        """Side in pixels of `whole`'s images."""
        return native

    def evaluate(self, images: Tensor) -> Tensor:
        """Evaluation view, without chance, the centre: uint8 (N, C, S, S) to 0-255 (N, C, T, T)."""
        return centre_crops(self.whole(images), self.output_size(images.shape[-1]))[0]

    def views(self, images: Tensor, views: Views) -> Tensor:
        """Views of a test, in torchvision's order: uint8 (N, C, S, S) to 0-255 (N, V, C, T, T)."""
        size, whole = self.output_size(images.shape[-1]), self.whole(images)
        sides = [whole] if views == "centre" else [whole, whole.flip(-1)]
        cut = {"six": shifted_crops, "ten": five_crops}.get(views, centre_crops)
        return torch.stack([window for side in sides for window in cut(side, size)], dim=1)

    def check(self, native: int, views: Views) -> None:
        """Raise a UserError if images of side `native` cannot be seen in these views."""
        if views == "ten" and self.whole_size(native) == self.output_size(native):
            raise UserError(
                f"data.views is ten, but {type(self).__name__} takes the whole image: give a "
                "transform that crops in evaluation, as ResizeCropFlip, or views flip or six"
            )


class Identity(Transform):
    """The images as they are."""

    def output_size(self, native: int) -> int:
        return native

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return images


class Flip(Transform):
    """Mirror left and right with probability 1/2; nothing in evaluation."""

    def output_size(self, native: int) -> int:
        return native

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return random_crop(images, images.shape[-1], True, generator)


class PadCropFlip(Transform):
    """Pad with black, crop back to the native size at random, mirror; nothing in evaluation.

    Args:
        padding: black pixels added on each side, >= 0.
        flip: mirror left and right with probability 1/2.
    """

    def __init__(self, padding: int = 4, flip: bool = True) -> None:
        if padding < 0:
            raise UserError(f"PadCropFlip.padding is {padding}: give a number of pixels >= 0")
        self.padding = padding
        self.flip = flip

    def output_size(self, native: int) -> int:
        return native

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        padded = F.pad(images, [self.padding] * 4)
        return random_crop(padded, images.shape[-1], self.flip, generator)


class PadCropAlternatingFlip(PadCropFlip):
    """PadCropFlip in which each image is mirrored in every second epoch, some first, some later.

    Two epochs show both sides of every image, where chance shows a quarter of them twice the same.
    Which side comes first, the image's own pixels say, so that it needs no memory.

    Source: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.6.

    Args:
        padding: black pixels added on each side, >= 0.
    """

    def __init__(self, padding: int = 4) -> None:
        super().__init__(padding, flip=False)

    def augment_in(self, epoch: int, images: Tensor, generator: Generator) -> Tensor:
        odd = images.flatten(1).sum(dim=1, dtype=torch.int64) % 2 == 1
        mirrored = odd.logical_xor(torch.tensor(epoch % 2 == 1, device=images.device))
        turned = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        return self.augment(turned, generator)


def centre_crops(images: Tensor, size: int) -> list[Tensor]:
    """The window of side `size` in the middle, at torchvision's rounding, alone."""
    start = round((images.shape[-1] - size) / 2)
    return [images[..., start : start + size, start : start + size]]


def shifted_crops(images: Tensor, size: int) -> list[Tensor]:
    """The middle window, then its pixels moved by one up and left, and down and right.

    The row and column that this leaves empty are their neighbours' copies.

    Source: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.5.
    """
    (centre,) = centre_crops(images, size)
    places = torch.arange(size, device=images.device)
    moved = (places + 1).clamp(max=size - 1), (places - 1).clamp(min=0)
    return [centre, *(centre[..., rows[:, None], rows] for rows in moved)]


def five_crops(images: Tensor, size: int) -> list[Tensor]:
    """The windows of side `size` in the four corners and in the middle."""
    ends = slice(None, size), slice(images.shape[-1] - size, None)
    corners = [images[..., rows, columns] for rows in ends for columns in ends]
    return corners + centre_crops(images, size)


def random_crop(images: Tensor, size: int, flip: bool, generator: Generator) -> Tensor:
    """A window per image, uniform over all positions, mirrored with probability 1/2 if `flip`.

    Args:
        images: (N, C, S, S) with S >= size.
        size: side of the window in pixels.
    """
    count, places = len(images), images.shape[-1] - size + 1
    top, left = torch.randint(places, (2, count), generator=generator, device=images.device)
    mirrored = torch.zeros_like(left, dtype=torch.bool)
    if flip:
        mirrored = torch.rand(count, generator=generator, device=images.device) < 0.5
    return crop(images, top, left, mirrored, size)
