"""Normalization of pixels to the network's input, as fast as memory allows."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from alexnet_lightning.system.errors import UserError


def check_stored(images: Tensor) -> None:
    """Raise a UserError unless images are as they are stored; floats would be taken for 0-255."""
    if images.dtype != torch.uint8 or images.ndim != 4:
        kind = str(images.dtype).removeprefix("torch.")
        raise UserError(
            f"images are {kind} of shape {tuple(images.shape)}: give uint8 (N, C, H, W), with "
            "pixels of 0 to 255"
        )


def normalise(
    images: Tensor,
    mean: Sequence[float] | Tensor,
    std: Sequence[float],
    pixel_max: float,
    offsets: Tensor | None = None,
) -> Tensor:
    """float32, channels last: (images / 255 + offsets - mean) / std * pixel_max, one multiply-add.

    Images are of any dtype, (N, C, T, T); the mean a value per channel, or an image (C, T, T);
    the offsets (N, C).
    """
    known = mean if isinstance(mean, Tensor) else tuple(map(float, mean))
    centre, divisor = constants(known, tuple(map(float, std)), images.device)
    if offsets is not None:
        centre = centre - offsets[:, :, None, None]
    return multiply_add(images, pixel_max / (255 * divisor), -centre / divisor * pixel_max)


@lru_cache(maxsize=8)
def constants(
    mean: tuple[float, ...] | Tensor, std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation on a device, copied once: the host waits for a copy."""
    with torch.inference_mode(False):  # a validation may be the first to ask, a training the next
        centre = mean if isinstance(mean, Tensor) else torch.tensor(mean)[:, None, None]
        return centre.to(device), torch.tensor(std, device=device)[:, None, None]


def multiply_add(images: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """images * scale (C, 1, 1) + shift, float32 (N, C, H, W), channels last; not in place."""
    pixels = images.permute(0, 2, 3, 1)
    if images.device.type == "cpu":
        # numpy asks Linux for large pages. For a batch of 224 px, allocating torch's small pages
        # takes twice as long as the computation.
        result = torch.from_numpy(np.empty(pixels.shape, np.float32))
    else:
        result = torch.empty(pixels.shape, device=images.device)
    result.copy_(pixels)
    # Along whole rows instead of the three channels of a pixel: twice as fast.
    rows = result.flatten(2)
    shifts = shift.expand(*shift.shape[:-1], pixels.shape[2]).movedim(-3, -1).flatten(-2)
    torch.addcmul(shifts, rows, scale.flatten().repeat(pixels.shape[2]), out=rows)
    return result.permute(0, 3, 1, 2)
