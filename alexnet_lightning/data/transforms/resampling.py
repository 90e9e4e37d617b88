"""A crop of each image of a batch, at its own position: cropped, or resized too."""

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F


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


def resize(images: Tensor, size: int) -> Tensor:
    """Bilinear resize with antialiasing: uint8 (N, C, H, W) to uint8 (N, C, size, size)."""
    if tuple(images.shape[-2:]) == (size, size):
        return images
    # Only the CPU has a uint8 kernel.
    source = images if images.device.type == "cpu" else images.float()
    resized = F.interpolate(source, size=(size, size), mode="bilinear", antialias=True)
    return resized if resized.dtype == torch.uint8 else rounded(resized)


def rounded(pixels: Tensor) -> Tensor:
    return pixels.round_().clamp_(0, 255).byte()


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
    return rounded(windows).permute(0, 3, 1, 2)


def axis_weights(source: int, first: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Source indices and weights of each pixel of a resized box, along one axis: (N, size, K).

    Bilinear with antialiasing, as in Pillow and torchvision: a pixel with its center at c in the
    source takes source pixel i with the weight max(0, 1 - |i + 1/2 - c| / max(1, step)),
    normalized to sum 1, where step = length / size.
    """
    low, step = first[:, None, None], (length / size)[:, None, None]
    reach = step.clamp_min(1)
    centers = low + (torch.arange(size, device=first.device)[:, None] + 0.5) * step
    offsets = torch.arange(ceil(2 * max(1.0, source / size)), device=first.device)
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
