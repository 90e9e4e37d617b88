"""Transforms that resize: random crops of the resized image, or random boxes resized."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from alexnet_lightning.data.transforms.crops import Transform, Views, random_crop
from alexnet_lightning.system.devices import moved
from alexnet_lightning.system.errors import UserError

Range = tuple[float, float]  # smallest, largest


class ResizeCropFlip(Transform):
    """Resize, then a random crop and mirroring in training, the center crop in evaluation.

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
                f"{type(self).__name__} crops {crop} px from images resized to {resize} px: give "
                "a crop of at least 1 px and a resize at least as large"
            )
        self.resize, self.crop, self.flip = resize, crop, flip

    def output_size(self, native: int) -> int:
        return self.crop

    def whole_size(self, native: int) -> int:
        return self.resize

    def whole(self, images: Tensor) -> Tensor:
        return resize(images, self.resize)

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return random_crop(self.whole(images), self.crop, self.flip, generator)


class RandomResizedCropFlip(ResizeCropFlip):
    """A random box, resized and mirrored, in training; the center crop in evaluation.

    torchvision's `RandomResizedCrop`, random per image and rounded to uint8.
    Source: Szegedy et al. 2015, section 6.

    Args:
        size: side in pixels of the output, >= 1.
        scale: smallest and largest fraction of the image's area in the box, in (0, 1].
        ratio: smallest and largest width / height of the box, > 0.
        resize: side in pixels in evaluation, from which the center is cropped, >= size.
        flip: mirror left and right with probability 1/2 in training.
    """

    def __init__(
        self,
        size: int = 224,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        resize: int = 256,
        flip: bool = True,
    ) -> None:
        super().__init__(resize, size, flip)
        if not 0 < scale[0] <= scale[1] <= 1:
            allowed = "give two numbers in (0, 1], the smaller first"
            raise UserError(f"RandomResizedCropFlip.scale is {list(scale)}: {allowed}")
        if not 0 < ratio[0] <= ratio[1]:
            allowed = "give two numbers > 0, the smaller first"
            raise UserError(f"RandomResizedCropFlip.ratio is {list(ratio)}: {allowed}")
        self.scale = scale
        self.ratio = ratio

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        boxes = draw_boxes(images, self.scale, self.ratio, generator)
        if images.device.type == "cpu":
            windows = resize_in_turn(images, boxes, self.crop)
        else:
            windows = resize_at_once(images, moved(boxes, images.device), self.crop)
        return random_crop(windows, self.crop, self.flip, generator)


class ProgressiveResize(Transform):
    """Another transform, with smaller and so cheaper training images in the first epochs.

    For networks that take images of any size, such as those with global pooling. Evaluation does
    not change, so that in the first epochs it is at a size which the network has not seen
    (results/hour). Bilinear with antialiasing.

    Source: Howard, "Training Imagenet in 3 hours for $25; and CIFAR10 for $0.26", 2018; Tan and Le
    2021 (EfficientNetV2), section 4.

    Args:
        transform: crops and flips.
        size: side in pixels in the first epochs, 1 to that of the transform.
        epochs: number of these epochs, >= 0.
    """

    def __init__(self, transform: Transform, size: int, epochs: int) -> None:
        if epochs < 0:
            raise UserError(f"ProgressiveResize.epochs is {epochs}: give a number >= 0")
        self.transform, self.size, self.epochs = transform, size, epochs

    def output_size(self, native: int) -> int:
        return self.transform.output_size(native)

    def whole(self, images: Tensor) -> Tensor:
        return self.transform.whole(images)

    def whole_size(self, native: int) -> int:
        return self.transform.whole_size(native)

    def augment(self, images: Tensor, generator: Generator) -> Tensor:
        return self.transform.augment(images, generator)

    def augment_in(self, epoch: int, images: Tensor, generator: Generator) -> Tensor:
        full = self.transform.augment_in(epoch, images, generator)
        return resize(full, self.size) if epoch < self.epochs else full

    def check(self, native: int, views: Views) -> None:
        self.transform.check(native, views)
        if not 1 <= self.size <= (full := self.output_size(native)):
            raise UserError(f"ProgressiveResize.size is {self.size}: give 1 to {full} pixels")


def draw_boxes(
    images: Tensor, scale: Range, ratio: Range, generator: Generator, tries: int = 10
) -> Tensor:
    """Sample a box in each square image: top, left, height and width, int64 (4, N) on the CPU.

    The area is uniform, and so is the logarithm of width / height. As in torchvision, the first
    of all tries that fits is taken, else the largest centered box with an allowed ratio.
    """
    count, side = len(images), images.shape[-1]
    drawn = torch.rand(2 * tries + 2, count, generator=generator)
    area = side**2 * (scale[0] + (scale[1] - scale[0]) * drawn[:tries])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape = (low + (high - low) * drawn[tries:-2]).exp()
    boxes = torch.stack([(area / shape).sqrt(), (area * shape).sqrt()]).round().long()

    nearest = min(max(1.0, ratio[0]), ratio[1])
    largest = torch.tensor([min(side, side / nearest), min(side, side * nearest)])
    last = largest.round().long().clamp_min(1)
    boxes = torch.cat([boxes, last[:, None, None].expand(-1, 1, count)], dim=1)

    fits = ((boxes > 0) & (boxes <= side)).all(dim=0)
    chosen = fits.int().argmax(dim=0)  # the first
    box = boxes.gather(1, chosen.expand(2, 1, -1)).squeeze(1)
    room = side - box
    corner = torch.where(chosen < tries, (drawn[-2:] * (room + 1)).long(), room // 2)
    return torch.cat([corner, box])


def resize(images: Tensor, size: int) -> Tensor:
    """Bilinear resize with antialiasing: uint8 (N, C, H, W) to uint8 (N, C, size, size)."""
    if tuple(images.shape[-2:]) == (size, size):
        return images
    # Only the CPU has a uint8 kernel.
    source = images if images.device.type == "cpu" else images.float()
    resized = F.interpolate(source, size=(size, size), mode="bilinear", antialias=True)
    return resized if resized.dtype == torch.uint8 else resized.round_().clamp_(0, 255).byte()


def resize_in_turn(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """One box of each image, resized: uint8 (N, C, H, W) to uint8 (N, C, size, size).

    Boxes are top, left, height and width in pixels, int64 (4, N). For the CPU, whose uint8 kernel
    is faster than any batched way.
    """
    # split(1), because image[None] would not look like channels last to the kernel.
    pairs = zip(images.split(1), boxes.T.tolist(), strict=True)
    parts = (image[:, :, y : y + height, x : x + width] for image, (y, x, height, width) in pairs)
    return torch.cat([resize(part, size) for part in parts])


def resize_at_once(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """The same for GPUs: few kernels, without synchronization."""
    top, left, height, width = boxes
    rows = axis_weights(images.shape[-2], top, height, size)
    columns = axis_weights(images.shape[-1], left, width, size)
    across = weighted_sums(images.float().permute(0, 3, 2, 1).flatten(2), *columns)
    lines = across.unflatten(2, (images.shape[2], -1)).transpose(1, 2).flatten(2)
    windows = weighted_sums(lines, *rows).unflatten(2, (size, -1))
    return windows.round_().clamp_(0, 255).byte().permute(0, 3, 1, 2)


def axis_weights(source: int, first: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Source indices and weights of each pixel of a resized box, along one axis: (N, size, K).

    Bilinear with antialiasing, as in Pillow and torchvision: a pixel with its center at c in the
    source takes source pixel i with the weight max(0, 1 - |i + 1/2 - c| / max(1, step)),
    normalized to sum 1, where step = length / size.
    """
    low, step = first[:, None, None], (length / size)[:, None, None]
    reach = step.clamp_min(1)
    centers = low + (torch.arange(size, device=first.device)[:, None] + 0.5) * step
    offsets = torch.arange(math.ceil(2 * max(1.0, source / size)), device=first.device)
    indices = (centers - reach + 0.5).floor().long() + offsets
    weights = (1 - (indices + 0.5 - centers).abs() / reach).clamp_min(0)
    end = low + length[:, None, None]
    weights = weights * ((indices >= low) & (indices < end))
    return indices.clamp(low, end - 1), weights / weights.sum(dim=2, keepdim=True)


def weighted_sums(lines: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of each image's lines at `indices`: (N, S, D) to (N, size, D)."""
    count, source, width = lines.shape
    indices = indices + source * torch.arange(count, device=lines.device)[:, None, None]
    table, weights = lines.reshape(-1, width), weights.flatten(0, 1)
    sums = F.embedding_bag(indices.flatten(0, 1), table, per_sample_weights=weights, mode="sum")
    return sums.unflatten(0, (count, -1))
