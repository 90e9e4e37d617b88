"""Windows of a batch's images, another for each: cut out, or resampled at another size."""

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F


def crop(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """The window of side `size` at (top, left) of each image, read backwards where mirrored.

    Args:
        images: (N, C, H, W).
        top, left: int64 (N,), first row and column of each window.
        mirrored: bool (N,).
    """
    cut = crop_by_runs if images.device.type == "cpu" else crop_by_pixels
    return cut(images, top, left, mirrored, size)


def crop_by_pixels(
    images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, size: int
) -> Tensor:
    """`crop` for devices that run many threads: one kernel, and nothing waits for its result."""
    steps = torch.arange(size, device=images.device)
    rows = top[:, None] + steps
    columns = left[:, None] + torch.where(mirrored[:, None], steps.flip(0), steps)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    # Indices on both sides of the slice put the channels last: the layout the networks want.
    return images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def crop_by_runs(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """`crop` for the CPU: a row of a window is one run in memory; 25 times as fast there."""
    count, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(-1)
    rows = top[:, None] + torch.arange(size)
    starts = (torch.arange(count)[:, None] * height + rows) * width + left[:, None]
    runs = pixels.unfold(0, size * channels, 1).index_select(0, channels * starts.flatten())
    windows = runs.view(count, size, size, channels)
    # One at a time, since an image stays in the cache.
    for index in mirrored.nonzero().flatten().tolist():
        windows[index] = windows[index].flip(1)
    return windows.permute(0, 3, 1, 2)


def resize(images: Tensor, size: int) -> Tensor:
    """Bilinear resize with antialiasing: uint8 (N, C, H, W) to uint8 (N, C, size, size)."""
    if tuple(images.shape[-2:]) == (size, size):
        return images
    # Only the CPU has a uint8 kernel; elsewhere through float and back.
    source = images if images.device.type == "cpu" else images.float()
    resized = F.interpolate(source, size=(size, size), mode="bilinear", antialias=True)
    return resized if resized.dtype == torch.uint8 else rounded(resized)


def rounded(pixels: Tensor) -> Tensor:
    """float32 to the nearest uint8; changes `pixels`."""
    return pixels.round_().clamp_(0, 255).byte()


def resize_boxes(
    images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, size: int
) -> Tensor:
    """Each image's own box, resized: uint8 (N, C, H, W) to uint8 (N, C, size, size).

    Args:
        top, left, height, width: int64 (N,), of the boxes, in pixels.
    """
    way = resize_in_turn if images.device.type == "cpu" else resize_at_once
    return way(images, top, left, height, width, size)


def resize_in_turn(
    images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, size: int
) -> Tensor:
    """`resize_boxes` for the CPU, whose kernel for uint8 beats everything that could be batched."""
    windows = torch.stack([top, top + height, left, left + width], dim=1).tolist()
    # Split, for image[None] would no longer look like channels last to the kernel.
    boxes = [
        image[:, :, first_row:last_row, first_column:last_column]
        for image, (first_row, last_row, first_column, last_column) in zip(
            images.split(1), windows, strict=True
        )
    ]
    return torch.cat([resize(box, size) for box in boxes])


def resize_at_once(
    images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, size: int
) -> Tensor:
    """`resize_boxes` for devices that run many threads: few kernels, and no wait for the boxes."""
    rows = axis_weights(images.shape[-2], top, height, size)
    columns = axis_weights(images.shape[-1], left, width, size)
    across = weighted_sums(images.float().permute(0, 3, 2, 1).flatten(2), *columns)
    lines = across.unflatten(2, (images.shape[2], -1)).transpose(1, 2).flatten(2)
    windows = weighted_sums(lines, *rows).unflatten(2, (size, -1))
    return rounded(windows).permute(0, 3, 1, 2)


def axis_weights(source: int, first: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Which pixels of a source row (or column) make each pixel of a resized box, and their weights.

    Both (N, size, taps). Bilinear with antialiasing, as Pillow's and torchvision's: a pixel whose
    middle lies at c in the source takes of the pixel with its middle at i + 1/2 the share
    max(0, 1 - |i + 1/2 - c| / max(1, step)), made to sum to 1, with step = length / size.

    Args:
        source: pixels there are.
        first, length: int64 (N,), of the box in them.
        size: pixels that the box is resized to.
    """
    low, step = first[:, None, None], (length / size)[:, None, None]
    reach = step.clamp_min(1)
    middles = low + (torch.arange(size, device=first.device)[:, None] + 0.5) * step
    taps = torch.arange(ceil(2 * max(1.0, source / size)), device=first.device)
    places = (middles - reach + 0.5).floor().long() + taps
    weights = (1 - (places + 0.5 - middles).abs() / reach).clamp_min(0)
    end = low + length[:, None, None]
    weights = weights * ((places >= low) & (places < end))
    return places.clamp(low, end - 1), weights / weights.sum(dim=2, keepdim=True)


def weighted_sums(lines: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """Of each image's lines those at `places`, weighted and added: (N, S, D) to (N, size, D)."""
    count, source, width = lines.shape
    places = places + source * torch.arange(count, device=lines.device)[:, None, None]
    sums = F.embedding_bag(
        places.flatten(0, 1),
        lines.reshape(-1, width),
        per_sample_weights=weights.flatten(0, 1),
        mode="sum",
    )
    return sums.unflatten(0, (count, -1))
