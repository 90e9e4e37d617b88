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

from alexnet_lightning.errors import UserError

# Of a test image: the centre; the centre and its mirror image; four corners, the centre, and their
# mirror images. Write-up 3's twenty views, ten crops and their flips, are these ten, twice.
Views = Literal["centre", "flip", "ten"]


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

    def whole(self, images: Tensor) -> Tensor:
        """What evaluation views are cut from: uint8 (N, C, S, S) to 0-255 (N, C, R, R)."""
        return images

    def whole_size(self, native: int) -> int:
        """Side in pixels of `whole`'s images."""
        return native

    def evaluate(self, images: Tensor) -> Tensor:
        """Evaluation view, without chance, the centre: uint8 (N, C, S, S) to 0-255 (N, C, T, T)."""
        return centre_crop(self.whole(images), self.output_size(images.shape[-1]))

    def views(self, images: Tensor, views: Views) -> Tensor:
        """Views of a test: uint8 (N, C, S, S) to 0-255 (N, V, C, T, T)."""
        size, whole = self.output_size(images.shape[-1]), self.whole(images)
        crops = [centre_crop(whole, size)]
        if views == "ten":
            sides = (slice(None, size), slice(-size, None))
            crops = [*(whole[..., rows, columns] for rows in sides for columns in sides), *crops]
        if views != "centre":
            crops += [crop.flip(-1) for crop in crops]
        return torch.stack(crops, dim=1)

    def check(self, native: int, views: Views) -> None:
        """Raise a UserError if images of side `native` cannot be seen in these views."""
        if views == "ten" and self.whole_size(native) == self.output_size(native):
            raise UserError(
                f"data.views is ten, but {type(self).__name__} takes the whole image: give a "
                "transform that crops in evaluation, as ResizeCropFlip, or views flip"
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


class ResizeCropFlip(Transform):
    """Resize, then a random crop and mirroring in training, the centre crop in evaluation.

    The ILSVRC recipe of Krizhevsky et al. (2012), section 4.1, on square images. Bilinear with
    antialiasing, rounded to uint8, as torchvision's `Resize`.

    Args:
        resize: side in pixels after resizing, >= crop.
        crop: side in pixels of the crop, >= 1.
        flip: mirror left and right with probability 1/2 in training.
    """

    def __init__(self, resize: int = 256, crop: int = 224, flip: bool = True) -> None:
        if not 1 <= crop <= resize:
            raise UserError(
                f"ResizeCropFlip(resize={resize}, crop={crop}): crop must lie in 1..resize"
            )
        self.resize = resize
        self.crop = crop
        self.flip = flip

    def output_size(self, native: int) -> int:
        return self.crop

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return random_crop(resize(images, self.resize), self.crop, self.flip, generator)

    def whole(self, images: Tensor) -> Tensor:
        return resize(images, self.resize)

    def whole_size(self, native: int) -> int:
        return self.resize


def centre_crop(images: Tensor, size: int) -> Tensor:
    """The window of side `size` in the middle, at torchvision's rounding."""
    start = round((images.shape[-1] - size) / 2)
    return images[..., start : start + size, start : start + size]


def resize(images: Tensor, size: int) -> Tensor:
    """Bilinear resize with antialiasing: uint8 (N, C, S, S) to uint8 (N, C, size, size)."""
    # Only the CPU has a uint8 kernel; elsewhere through float and back.
    source = images if images.device.type == "cpu" else images.float()
    resized = F.interpolate(source, size=(size, size), mode="bilinear", antialias=True)
    return resized if resized.dtype == torch.uint8 else resized.round_().clamp_(0, 255).byte()


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


def crop(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """The window of side `size` at (top, left) of each image, read backwards where mirrored.

    Args:
        images: (N, C, H, W).
        top, left: int64 (N,), first row and column of each window.
        mirrored: bool (N,).
    """
    steps = torch.arange(size, device=images.device)
    rows = top[:, None] + steps
    columns = left[:, None] + torch.where(mirrored[:, None], steps.flip(0), steps)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    # Indices on both sides of the slice put the channels last: the layout the networks want.
    return images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
