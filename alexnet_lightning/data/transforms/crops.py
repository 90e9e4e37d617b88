"""Transforms of whole batches of square images, random per image.

A transform takes uint8 tensors (N, C, S, S) and returns uint8 or float32 ones with values 0-255,
on the same device. Scaling to the network's input follows in `ImageDataModule.normalise`.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.system.devices import moved
from alexnet_lightning.system.errors import UserError

Border = Literal["black", "mirrored"]


class Transform(ABC):
    """What happens to a batch of images before normalisation, in training and in evaluation."""

    @abstractmethod
    def output_size(self, native: int) -> int:
        """Side in pixels of the output, for images of side `native`."""

    @abstractmethod
    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        """Training view: uint8 (N, C, S, S) to 0-255 (N, C, T, T), random by `generator` alone.

        That is the CPU's wherever the images are, so that all devices see the same views.
        """

    def augment_in(self, epoch: int, images: Tensor, generator: Generator) -> Tensor:
        """Training view in an epoch, from 0; most transforms do not depend on it."""
        return self.augment(images, generator)

    def whole(self, images: Tensor) -> Tensor:
        """What evaluation views are cropped from: uint8 (N, C, S, S) to 0-255 (N, C, R, R)."""
        return images

    def whole_size(self, native: int) -> int:
        """Side in pixels of `whole`."""
        return native

    def evaluate(self, images: Tensor) -> Tensor:
        """Evaluation view, the center crop: uint8 (N, C, S, S) to 0-255 (N, C, T, T)."""
        return centre_crops(self.whole(images), self.output_size(images.shape[-1]))[0]

    def views(self, images: Tensor, views: Views) -> Tensor:
        """Test views in torchvision's order: uint8 (N, C, S, S) to 0-255 (N, V, C, T, T)."""
        size, whole = self.output_size(images.shape[-1]), self.whole(images)
        if views == "six":
            return torch.stack(six_crops(whole, size), dim=1)
        sides = [whole] if views == "centre" else [whole, whole.flip(-1)]
        cut = five_crops if views == "ten" else centre_crops
        return torch.stack([window for side in sides for window in cut(side, size)], dim=1)

    def check(self, native: int, views: Views) -> None:
        """Raise a UserError if images of side `native` do not have these views."""
        if views == "ten" and self.whole_size(native) == self.output_size(native):
            raise UserError(
                f"data.views is ten, but {type(self).__name__} uses the whole image: give a "
                "transform that crops in evaluation, such as ResizeCropFlip, or views flip or six"
            )


class Identity(Transform):
    """The images unchanged."""

    def output_size(self, native: int) -> int:
        return native

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return images


class Flip(Identity):
    """Mirror left and right with probability 1/2; nothing in evaluation."""

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return random_crop(images, images.shape[-1], True, generator)


class PadCropFlip(Identity):
    """Pad, crop to the native size at random, mirror; nothing in evaluation.

    Args:
        padding: pixels added on each side, >= 0.
        flip: mirror left and right with probability 1/2.
        border: what is added: "black" pixels, or "mirrored" ones, the image's own beside the edge.
    """

    def __init__(self, padding: int = 4, flip: bool = True, border: Border = "black") -> None:
        if padding < 0:
            raise UserError(f"PadCropFlip.padding is {padding}: give a number of pixels >= 0")
        self.padding = padding
        self.flip = flip
        self.border: Border = border

    def check(self, native: int, views: Views) -> None:
        super().check(native, views)
        if self.border == "mirrored" and self.padding >= native:
            raise UserError(
                f"data.transform: images of {native} px have no {self.padding} pixels to mirror; "
                f"give padding 0 to {native - 1}, or border black"
            )

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        if self.border == "black":
            padded = F.pad(images, [self.padding] * 4)
        else:
            padded = pad_mirrored(images, self.padding)
        return random_crop(padded, images.shape[-1], self.flip, generator)


class PadCropAlternatingFlip(PadCropFlip):
    """PadCropFlip that mirrors each image in every second epoch.

    Two epochs show both sides of every image; random mirroring shows half of them one side only.
    The image's own pixels decide which side comes first, so that it is the same with every seed;
    in the source each run samples it.

    Source: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.6.

    Args:
        padding: pixels added on each side, >= 0.
        border: as of `PadCropFlip`; "mirrored" in the source.
    """

    def __init__(self, padding: int = 4, border: Border = "black") -> None:
        super().__init__(padding, flip=False, border=border)

    def augment_in(self, epoch: int, images: Tensor, generator: Generator) -> Tensor:
        mirrored = images.flatten(1).sum(dim=1, dtype=torch.int64) % 2 != epoch % 2
        turned = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        return self.augment(turned, generator)


def centre_crops(images: Tensor, size: int) -> list[Tensor]:
    """The center crop of side `size`, rounded as in torchvision."""
    start = round((images.shape[-1] - size) / 2)
    return [images[..., start : start + size, start : start + size]]


def six_crops(images: Tensor, size: int) -> list[Tensor]:
    """The center crop, and it shifted by one pixel up and left, and down and right; all mirrored.

    The gap that a shift leaves mirrors what is beside the edge. Shifts are of the image as it is,
    not of its mirror image. Source: Jordan 2024, section 3.5; airbench94_muon.py.
    """
    (centre,) = centre_crops(images, size)
    padded = pad_mirrored(centre, 1)
    windows = [centre, padded[..., 2:, 2:], padded[..., :size, :size]]
    return [*windows, *(window.flip(-1) for window in windows)]


def pad_mirrored(images: Tensor, padding: int) -> Tensor:
    """Add `padding` pixels on each side that mirror those beside the edge, which is not repeated.

    Of uint8 too, for which torch's `F.pad` has no such mode.
    """
    side = images.shape[-1]
    indices = torch.arange(-padding, side + padding, device=images.device).abs()
    indices = side - 1 - (side - 1 - indices).abs()
    # The rows first: they are contiguous with the channels last.
    return images.index_select(-2, indices).index_select(-1, indices)


def five_crops(images: Tensor, size: int) -> list[Tensor]:
    """The crops of side `size` in the four corners and the center."""
    ends = slice(None, size), slice(images.shape[-1] - size, None)
    corners = [images[..., rows, columns] for rows in ends for columns in ends]
    return corners + centre_crops(images, size)


def random_crop(images: Tensor, size: int, flip: bool, generator: Generator) -> Tensor:
    """A random crop of side `size` per image, mirrored with probability 1/2 if `flip`."""
    count, positions = len(images), images.shape[-1] - size + 1
    top, left = torch.randint(positions, (2, count), generator=generator)
    mirrored = torch.zeros_like(left, dtype=torch.bool)
    if flip:
        mirrored = torch.rand(count, generator=generator) < 0.5
    if images.device.type == "cpu":
        return crop_by_runs(images, top, left, mirrored, size)
    top, left, mirrored = moved(torch.stack([top, left, mirrored]), images.device)
    return crop_by_pixels(images, top, left, mirrored.bool(), size)


def crop_by_pixels(
    images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, size: int
) -> Tensor:
    """The crop at (top, left), int64 (N,), of each image (N, C, H, W), mirrored where `mirrored`.

    For GPUs: one kernel, without synchronization.
    """
    steps = torch.arange(size, device=images.device)
    rows = top[:, None] + steps
    columns = left[:, None] + torch.where(mirrored[:, None], steps.flip(0), steps)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    # Indices on both sides of the slice put the channels last, as networks are fastest.
    return images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def crop_by_runs(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """The same for the CPU: copies whole rows, contiguous in memory; 25 times as fast there."""
    count, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(-1)
    rows = top[:, None] + torch.arange(size)
    starts = (torch.arange(count)[:, None] * height + rows) * width + left[:, None]
    runs = pixels.unfold(0, size * channels, 1).index_select(0, channels * starts.flatten())
    windows = runs.view(count, size, size, channels)
    # One at a time: an image stays in the cache.
    for index in mirrored.nonzero().flatten().tolist():
        windows[index] = windows[index].flip(1)
    return windows.permute(0, 3, 1, 2)
